// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/systemd_runner.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/log.hpp"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

// How often systemd is asked about a unit whose process is gone, and how many times. Without a bus
// nobody knows how it ended.
constexpr Nanos kReapTime = seconds(1);
constexpr int kMostReapTimes = 10;
// For systemd to say that it is there.
constexpr Nanos kGreetingPatience = seconds(2);

Status write_environment(const std::string& path, const std::vector<std::string>& arguments) {
    const auto text = environment_file(arguments);
    if (!text)
        return text.error();
    return replace_file(path, *text);
}

bool same_program(const std::string& a, const std::string& b) {
    std::error_code ec;
    return a == b || (std::filesystem::equivalent(a, b, ec) && !ec);
}

} // namespace

Result<std::unique_ptr<SystemdRunner>> SystemdRunner::create(Loop& loop, Bus& bus,
                                                             SchedExtReader kernel, ProcReader proc,
                                                             SystemdRunnerOptions options) {
    std::unique_ptr<SystemdRunner> self(
        new SystemdRunner(loop, bus, std::move(kernel), std::move(proc), std::move(options)));
    if (const Status status = self->init(); !status)
        return status.error();
    SystemdRunner* raw = self.get();
    auto fallback = loop.timer([raw] { raw->no_word(); });
    if (!fallback)
        return fallback.error();
    self->fallback_timer_ = *std::move(fallback);
    self->subscribe();
    bus.on_state(self->life_, [raw](bool up) {
        if (!up)
            return;
        raw->subscribe();
        if (!raw->unit_.empty()) {
            raw->follow(raw->unit_);
            raw->hold_loaded();
            raw->refresh();
        }
    });
    return self;
}

BusMessage SystemdRunner::manager(const char* method) const {
    return bus_.method(kSystemd, kSystemdPath, kSystemdManager, method);
}

BusMessage SystemdRunner::get_unit(const std::string& unit) const {
    BusMessage m =
        bus_.method(kSystemd, unit_path(unit).c_str(), "org.freedesktop.DBus.Properties", "GetAll");
    if (m)
        sd_bus_message_append(m.get(), "s", "");
    return m;
}

void SystemdRunner::subscribe() {
    bus_.post(manager("Subscribe"));
    job_signals_ = bus_.match(
        {kSystemd, kSystemdPath, kSystemdManager, "JobRemoved"}, [this](sd_bus_message* m) {
            const char* path = nullptr;
            if (sd_bus_message_read(m, "uo", nullptr, &path) < 0 || job_.empty() || job_ != path)
                return;
            began_ = true;
            refresh();
        });
}

void SystemdRunner::follow(const std::string& unit) {
    unit_ = unit;
    unit_signals_ = bus_.match(
        {kSystemd, unit_path(unit).c_str(), "org.freedesktop.DBus.Properties", "PropertiesChanged"},
        [this](sd_bus_message*) { refresh(); });
}

void SystemdRunner::hold_loaded() {
    BusMessage m = manager("RefUnit");
    if (m && sd_bus_message_append(m.get(), "s", unit_.c_str()) >= 0)
        bus_.post(std::move(m));
}

// --- starting ------------------------------------------------------------------------------------

void SystemdRunner::launch(const SchedulerSpec& spec, bool take_over) {
    run_ = std::make_shared<int>();
    spec_ = spec;
    unit_.clear();
    job_.clear();
    invocation_.clear();
    sent_ = began_ = interfering_ = masked_ = false;
    end_ = {};
    pid_ = {};
    pidfd_source_.reset();
    pidfd_.reset();
    fallback_timer_.disarm();
    // It does not take the bus to be there to know that the bus is away.
    if (const std::string held = what_holds_a_start(); !held.empty())
        return not_tried(held);
    if (!has_control_socket(spec.path))
        return launch_transient();
    bus_.call(get_unit(kOurUnit), run_,
              [this, take_over](sd_bus_message* reply, const Bus::Failure* failure) {
                  if (failure != nullptr)
                      return not_tried(fmt::format("systemd does not answer: {}; see systemctl "
                                                   "status dbus",
                                                   failure->message));
                  const auto unit = read_unit_state(reply);
                  if (!unit)
                      return launch_failed(unit.error().message());
                  // A build that is not the installed one, or no unit installed.
                  if (!unit->loaded() || !same_program(unit->program, spec_.path))
                      return launch_transient();
                  launch_ours(*unit, take_over);
              });
}

void SystemdRunner::launch_ours(const UnitState& unit, bool take_over) {
    // No failures of the scheduler: an administrator has the unit, or is about to give it up.
    if (!unit.down() && !take_over)
        return not_tried(fmt::format("{} was started by somebody else and is left alone; sudo "
                                     "systemctl stop {}",
                                     kOurUnit, kOurUnit));
    if (unit.unit_file_state == "enabled" && !take_over)
        return not_tried(fmt::format("{} is enabled and so is left alone; to have it started for "
                                     "games: sudo systemctl disable {}",
                                     kOurUnit, kOurUnit));
    if (const Status status = write_environment(environment_path_, spec_.args); !status)
        return launch_failed(status.error().message());
    follow(kOurUnit);
    hold_loaded();
    // An earlier failure must not count against the limit of starts: the back-off is ours.
    if (BusMessage m = manager("ResetFailedUnit")) {
        sd_bus_message_append(m.get(), "s", kOurUnit);
        bus_.post(std::move(m));
    }
    BusMessage m = manager("StartUnit");
    if (m)
        sd_bus_message_append(m.get(), "ss", kOurUnit, "replace");
    sent_ = true;
    requested(kOurUnit);
    bus_.call(std::move(m), run_, [this](sd_bus_message* reply, const Bus::Failure* failure) {
        start_answered(reply, failure);
    });
}

void SystemdRunner::launch_transient() {
    const std::string unit = transient_unit_name(spec_.path);
    BusMessage m = manager("StartTransientUnit");
    if (m)
        if (const int r = append_transient(m.get(), unit, spec_); r < 0)
            return launch_failed(Error::from_code("start " + unit, -r).message());
    sent_ = true;
    requested(unit);
    bus_.call(std::move(m), run_, [this, unit](sd_bus_message* reply, const Bus::Failure* failure) {
        if (failure == nullptr)
            follow(unit);
        start_answered(reply, failure);
    });
}

void SystemdRunner::start_answered(sd_bus_message* reply, const Bus::Failure* failure) {
    // Nobody knows what systemd has made of it: the unit's state will say, once there is a bus.
    if (failure != nullptr && failure->name == SD_BUS_ERROR_NO_REPLY) {
        if (unit_.empty())
            unit_ = transient_unit_name(spec_.path);
        return;
    }
    if (failure != nullptr) {
        sent_ = false;
        const std::string why = "systemd would not start it: " + failure->message.str();
        return failure->name.empty() ? not_tried(why) : launch_failed(why);
    }
    const char* path = nullptr;
    if (sd_bus_message_read_basic(reply, 'o', &path) >= 0)
        job_ = path;
    refresh();
}

// Our own unit may see /proc/sysrq-trigger read-only (ProtectKernelTunables=); then another one
// does it.
Status SystemdRunner::evict() {
    Status written = StagedRunner::evict();
    if (written || !bus_.connected())
        return written;
    BusMessage m = manager("StartTransientUnit");
    const SchedulerSpec shell{"/bin/sh", {"-c", "echo S >\"$0\"", sysrq_path()}};
    int r =
        m ? sd_bus_message_append(m.get(), "ss", "rustland-evict.service", "replace") : -ENOTCONN;
    r = r < 0 ? r : sd_bus_message_open_container(m.get(), 'a', "(sv)");
    r = r < 0 ? r
              : sd_bus_message_append(m.get(), "(sv)(sv)", "Type", "s", "oneshot", "CollectMode",
                                      "s", "inactive-or-failed");
    r = r < 0 ? r : append_command(m.get(), shell);
    r = r < 0 ? r : sd_bus_message_close_container(m.get());
    r = r < 0 ? r : sd_bus_message_append(m.get(), "a(sa(sv))", 0);
    if (r < 0)
        return Error::from_code("SysRq through systemd", -r);
    bus_.post(std::move(m)); // the kernel's state says whether it worked
    return {};
}

bool SystemdRunner::take(const RunRecord& record) {
    if (record.unit.empty())
        return false;
    // Without a process: it had only been asked for. systemd knows what became of it.
    if (record.process.pid.value > 0) {
        if (!watch_process(record.process.pid))
            return false;
        const auto key = proc_.key(record.process.pid);
        if (!key || *key != record.process) {
            pidfd_source_.reset();
            pidfd_.reset();
            return false;
        }
    }
    run_ = std::make_shared<int>();
    spec_ = record.spec;
    pid_ = record.process.pid;
    sent_ = began_ = true;
    interfering_ = false;
    follow(record.unit);
    hold_loaded();
    refresh();
    return true;
}

// --- watching ------------------------------------------------------------------------------------

void SystemdRunner::refresh() {
    if (unit_.empty())
        return;
    bus_.call(get_unit(unit_), run_, [this](sd_bus_message* reply, const Bus::Failure* failure) {
        if (failure != nullptr)
            return;
        if (const auto unit = read_unit_state(reply))
            look(*unit);
        else
            log::warn("{}: {}; ignoring", unit_, unit.error().message());
    });
}

void SystemdRunner::look(const UnitState& unit) {
    if (unit_.empty())
        return;
    masked_ = unit.load_state == "masked";
    began_ = began_ || !unit.down();
    if (!began_)
        return;
    // Between the two halves of a restart that somebody else asked for, an upgrade for instance.
    const bool between = unit.down() && unit.job && !interfering_;
    if (invocation_.empty() && !between)
        invocation_ = unit.invocation;
    if (unit.down() && !between)
        return over(interfering_ ? end_ : unit.end());
    const bool another = pid_.value > 0 && unit.main_pid.value > 0 && unit.main_pid != pid_;
    const bool by_itself = unit.sub_state == "auto-restart" || (another && unit.restarts > 0);
    if (by_itself && !interfering_) {
        // When it is started again is decided here, not by the unit's Restart=.
        interfering_ = true;
        end_ = unit.sub_state == "auto-restart" ? unit.end() : ProcessEnd{};
        return send_signal(SIGINT);
    }
    if ((between || another) && !interfering_ && pid_.value > 0)
        forget_process();
    if (pid_.value == 0 && unit.main_pid.value > 0) {
        const auto key = proc_.key(unit.main_pid);
        if (!key || !watch_process(unit.main_pid))
            return; // gone already; systemd is about to say so
        pid_ = unit.main_pid;
        launched(*key, unit_);
    }
}

// What comes up in its place is ours, too.
void SystemdRunner::forget_process() {
    pid_ = {};
    invocation_.clear();
    pidfd_source_.reset();
    pidfd_.reset();
    fallback_timer_.disarm();
    started_anew();
}

bool SystemdRunner::watch_process(Pid pid) {
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
    if (!pidfd_)
        return false;
    auto source = loop_.io(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { process_gone(); });
    if (!source)
        return false;
    pidfd_source_ = *std::move(source);
    return true;
}

void SystemdRunner::process_gone() {
    pidfd_source_.reset();
    waited_ = 0;
    process_left();
    fallback_timer_.arm(monotonic_now() + kReapTime);
    refresh();
}

void SystemdRunner::no_word() {
    if (!bus_.connected() || ++waited_ >= kMostReapTimes)
        return over({});
    fallback_timer_.arm(monotonic_now() + kReapTime);
    refresh();
}

void SystemdRunner::over(const ProcessEnd& end) {
    last_unit_ = std::exchange(unit_, "");
    run_ = std::make_shared<int>();
    fallback_timer_.disarm();
    unit_signals_.reset();
    pidfd_source_.reset();
    pidfd_.reset();
    // An administrator who starts the unit later has the arguments of /etc in mind.
    if (last_unit_ == kOurUnit)
        ::unlink(environment_path_.c_str());
    // One that was masked while it ran has lost its ExecStopPost=; this does the same.
    if (masked_)
        restore_machine();
    if (BusMessage m = manager("UnrefUnit")) {
        sd_bus_message_append(m.get(), "s", last_unit_.c_str());
        bus_.post(std::move(m));
    }
    ended(end);
}

void SystemdRunner::read_output(const std::function<void(std::string)>& deliver) {
    if (!read_unit_output_)
        return deliver("");
    // What comes when another run has begun is nobody's any more.
    const std::weak_ptr<int> run = run_;
    read_unit_output_(last_unit_, invocation_, [run, deliver](std::string text) {
        if (!run.expired())
            deliver(std::move(text));
    });
}

void SystemdRunner::send_signal(int signal) {
    if (!sent_) {
        run_ = std::make_shared<int>(); // whatever systemd answers now comes too late
        return launch_failed("systemd had not been asked to start it");
    }
    if (!bus_.connected()) {
        if (pidfd_)
            ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
        return;
    }
    const std::string unit = unit_.empty() ? transient_unit_name(spec_.path) : unit_;
    // The first is systemd's own way to stop (KillSignal=SIGINT), which also ends a start. The
    // others must not hit our unit's ExecStopPost=, which leaves the machine as it was.
    BusMessage m = manager(signal == SIGINT ? "StopUnit" : "KillUnit");
    if (m && signal == SIGINT)
        sd_bus_message_append(m.get(), "ss", unit.c_str(), "replace");
    else if (m)
        sd_bus_message_append(m.get(), "ssi", unit.c_str(), unit == kOurUnit ? "main" : "all",
                              signal);
    bus_.call(std::move(m), run_, [this](sd_bus_message*, const Bus::Failure* failure) {
        // Not there any more: its state says so, too.
        if (failure != nullptr) {
            began_ = true;
            refresh();
        }
    });
}

void SystemdRunner::restore_machine() {
    BusMessage m = manager("StartUnit");
    if (m && sd_bus_message_append(m.get(), "ss", "rustland-restore.service", "replace") >= 0)
        bus_.post(std::move(m));
}

std::string SystemdRunner::what_holds_a_start() const {
    return bus_.connected()
               ? ""
               : "systemd cannot be asked without the system bus; sudo systemctl start "
                 "dbus.socket";
}

std::string SystemdRunner::what_holds_a_stop() const {
    if (bus_.connected() || unit_.empty())
        return "";
    return fmt::format(
        "systemd cannot be asked without the system bus (systemctl status dbus), and "
        "rustlandd may not end the processes of {0} itself; sudo systemctl stop {0} "
        "does",
        unit_);
}

bool systemd_answers(Bus& bus, const std::string& marker) {
    std::error_code ec;
    if (!std::filesystem::is_directory(marker, ec))
        return false;
    BusMessage m = bus.method(kSystemd, kSystemdPath, "org.freedesktop.DBus.Properties", "Get");
    if (!m || sd_bus_message_append(m.get(), "ss", kSystemdManager, "Version") < 0)
        return false;
    bool answered = false;
    bool known = false;
    const auto asking = std::make_shared<int>(); // an answer that comes later is nobody's
    bus.call(
        std::move(m), asking,
        [&](sd_bus_message*, const Bus::Failure* failure) {
            answered = true;
            known = failure == nullptr;
        },
        kGreetingPatience);
    bus.work_until([&answered] { return answered; }, kGreetingPatience);
    return known;
}

} // namespace rustland::supervisor
