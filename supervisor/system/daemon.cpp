// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/daemon.hpp"

#include "rustland/common/clock.hpp"
#include "supervisor/system/child_runner.hpp"

#include <chrono>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

std::int64_t wall_clock_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

const char* exit_kind_name(ExitKind kind) {
    switch (kind) {
    case ExitKind::Requested:
        return "requested";
    case ExitKind::Outside:
        return "stopped-from-outside";
    case ExitKind::Restart:
        return "asked-for-restart";
    case ExitKind::Failed:
        return "failed";
    case ExitKind::Crashed:
        return "crashed";
    case ExitKind::Stalled:
        return "stalled";
    case ExitKind::Ejected:
        return "ejected";
    }
    return "failed";
}

} // namespace

Daemon::Daemon(Loop& loop, DaemonOptions options)
    : loop_(loop), options_(std::move(options)), kernel_(options_.sysfs_root + "/kernel/sched_ext"),
      power_reader_(options_.sysfs_root), state_file_(options_.run_dir + "/state.json") {}

Result<std::unique_ptr<Daemon>> Daemon::create(Loop& loop, DaemonOptions options) {
    std::unique_ptr<Daemon> self(new Daemon(loop, std::move(options)));
    if (const Status status = self->init(); !status)
        return status.error();
    return self;
}

Status Daemon::init() {
    auto config = read_config();
    if (!config)
        return config.error();
    config_ = *config;
    if (::mkdir(options_.run_dir.c_str(), 0755) != 0 && errno != EEXIST)
        return Error::from_errno(options_.run_dir);
    // First of all: a second daemon must not touch anything.
    auto server =
        ControlServer::listen(loop_, options_.run_dir + "/control.sock",
                              {[this](const Peer& peer, const json& body) {
                                   request(peer, body, [this, id = peer.id](const json& answer) {
                                       server_->send(id, answer);
                                   });
                               },
                               [this](ClientId id) { client_left(id); }});
    if (!server)
        return server.error();
    server_ = *std::move(server);

    core_ = std::make_unique<DecisionCore>(
        config_, [this] { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); });
    auto timer = loop_.timer([this] { send(event::Tick{}); });
    auto scheduler = SchedulerClient::create(loop_, options_.scheduler_socket);
    auto runner = options_.make_runner(loop_, config_->settings.runner);
    if (!timer || !scheduler || !runner)
        return !timer ? timer.error() : !scheduler ? scheduler.error() : runner.error();
    timer_ = *std::move(timer);
    scheduler_ = *std::move(scheduler);
    runner_ = *std::move(runner);
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    runner_->on_event([this](const RunnerEvent& event) { runner_event(event); });

    options_.detector.event_buffer = config_->settings.event_buffer;
    options_.detector.scan_interval = config_->settings.scan_interval;
    // Where uevents do not reach us, the scan is what notices a foreign scheduler that went.
    options_.detector.on_scan = [this] { kernel_changed(); };
    auto detector = Detector::create(loop_, options_.detector,
                                     [this](const std::vector<Event>& events, bool members) {
                                         detected(events);
                                         if (members)
                                             tell_foreground();
                                     });
    if (!detector)
        return detector.error();
    detector_ = *std::move(detector);
    if (options_.uevents)
        if (const Status status = open_uevents(); !status)
            spdlog::warn("{}; changes in the kernel are noticed by the scheduler's exit alone",
                         status.error().message());

    const KernelState kernel = kernel_.read();
    if (!kernel.supported)
        spdlog::warn("this kernel has no sched_ext ({} is missing): nothing will be started",
                     kernel_.root());
    core_->on(event::KernelSupport{kernel.supported}, monotonic_now());
    power_ = power_reader_.read();
    core_->on(event::PowerChanged{power_}, monotonic_now());
    record("daemon", "started");
    // Workloads before adoption: what was left running for a game that still runs is not stopped.
    detector_->use(std::make_shared<Matcher>(config_->rules), config_->settings.scan_interval);
    adopt();
    kernel_changed();
    send(event::Tick{});
    return {};
}

Result<std::shared_ptr<const Config>> Daemon::read_config() const {
    const std::vector<std::string> files = options_.config_file
                                               ? std::vector{*options_.config_file}
                                               : find_config_files(options_.config_paths);
    BuiltConfig built = load_config(files, options_.users);
    if (built.problems.empty())
        return std::make_shared<const Config>(std::move(built.config));
    std::string all;
    for (const Problem& problem : built.problems)
        all += (all.empty() ? "" : "\n") + problem.message();
    return Error(all);
}

Status Daemon::open_uevents() {
    auto opened = UeventSocket::open();
    if (!opened)
        return opened.error();
    uevents_ = std::make_unique<UeventSocket>(*std::move(opened));
    auto source = loop_.io(uevents_->fd(), EPOLLIN, [this](std::uint32_t) {
        const UeventSocket::Seen seen = uevents_->drain();
        if (seen.sched_ext)
            kernel_changed();
        if (seen.power)
            power_changed();
    });
    if (!source)
        return source.error();
    uevents_source_ = *std::move(source);
    return {};
}

void Daemon::adopt() {
    const auto left = state_file_.load();
    if (!left) {
        spdlog::warn("{}; ignoring it", left.error().message());
        state_file_.clear();
        return;
    }
    if (!*left)
        return;
    if (core_->phase() != Phase::Off || !runner_->adopt(**left)) {
        record("adopt", (*left)->spec.command() + " is gone");
        state_file_.clear();
        return;
    }
    record("adopt", fmt::format("took over {} (process {})", (*left)->spec.command(),
                                (*left)->process.pid.value));
    send(event::Attached{(*left)->spec, {}});
    tell_foreground();
}

Status Daemon::reload() {
    auto config = read_config();
    if (!config) {
        record("config", "not reloaded, the old configuration stays: " + config.error().message());
        return config.error();
    }
    config_ = *config;
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    record("config", "reloaded");
    send(event::ConfigReplaced{config_});
    detector_->use(std::make_shared<Matcher>(config_->rules), config_->settings.scan_interval);
    return {};
}

void Daemon::shutdown(bool keep_scheduler) {
    shutting_down_ = true;
    if (keep_scheduler || core_->phase() == Phase::Off) {
        loop_.exit(0);
        return;
    }
    send(event::StopRequested{});
}

void Daemon::sleep(bool asleep) {
    record("sleep", asleep ? "the machine is about to sleep" : "the machine has woken up");
    send(event::SleepChanged{asleep});
    if (!asleep)
        detector_->scan();
}

// --- deciding and doing ------------------------------------------------------------------------

void Daemon::send(const Event& event) {
    apply(core_->on(event, monotonic_now()));
    if (const auto wake = core_->next_wakeup())
        timer_.arm(*wake);
    else
        timer_.disarm();
    settle();
}

void Daemon::apply(const Decision& decision) {
    if (const auto* start = std::get_if<Start>(&decision)) {
        record("start", fmt::format("{} ({})", start->spec.command(), start->reason));
        next_.reset();
        runner_->start(start->spec, start->take_over);
    } else if (const auto* change = std::get_if<Switch>(&decision)) {
        record("switch", fmt::format("to {} ({})", change->spec.command(), change->reason));
        next_ = change->spec;
        scheduler_->disconnect();
        runner_->stop();
    } else if (const auto* stop = std::get_if<Stop>(&decision)) {
        record("stop", stop->reason);
        next_.reset();
        scheduler_->disconnect();
        runner_->stop();
    }
}

void Daemon::runner_event(const RunnerEvent& event) {
    if (const auto* attached = std::get_if<runner::Attached>(&event)) {
        const RunRecord& run = attached->record;
        if (const Status status = state_file_.save(run); !status)
            spdlog::warn("{}; a later daemon will not find the scheduler, ignoring",
                         status.error().message());
        record("attached", fmt::format("{} (process {}, ops {})", run.spec.command(),
                                       run.process.pid.value, run.ops));
        send(event::Attached{run.spec, {}});
        tell_foreground();
        return;
    }
    scheduler_->disconnect();
    state_file_.clear();
    if (const auto* failed = std::get_if<runner::StartFailed>(&event)) {
        remember_exit(failed->exit);
        record("failed", failed->exit.reason, failed->exit.dump);
        kernel_changed();
        send(event::StartFailed{core_->current().value_or(SchedulerSpec{}), failed->exit});
    } else if (const auto* exited = std::get_if<runner::Exited>(&event)) {
        remember_exit(exited->exit);
        record("exited",
               fmt::format("{}: {}", exit_kind_name(exited->exit.kind), exited->exit.reason),
               exited->exit.dump);
        send(event::Exited{exited->exit});
    } else if (const auto* stopped = std::get_if<runner::Stopped>(&event)) {
        remember_exit(stopped->exit);
        record("stopped", stopped->problem.empty() ? "detached" : stopped->problem);
        if (next_)
            runner_->start(*std::exchange(next_, std::nullopt), false);
        else
            send(event::Stopped{});
    }
    kernel_changed();
}

void Daemon::remember_exit(const ExitInfo& exit) {
    last_reason_ = exit.reason;
    last_exit_ = {{"kind", exit_kind_name(exit.kind)},
                  {"exit_code", exit.exit_code},
                  {"signal", exit.signal},
                  {"reason", exit.reason},
                  {"dump", exit.dump},
                  {"time_ms", wall_clock_ms()}};
}

void Daemon::detected(const std::vector<Event>& events) {
    if (!events.empty())
        kernel_changed();
    for (const Event& event : events) {
        if (const auto* began = std::get_if<event::WorkloadStarted>(&event))
            record("workload", began->rule + " began");
        else if (const auto* ended = std::get_if<event::WorkloadEnded>(&event))
            record("workload", ended->rule + " ended");
        send(event);
    }
}

void Daemon::kernel_changed() {
    runner_->kernel_changed();
    const KernelState kernel = kernel_.read();
    std::optional<std::string> foreign;
    if (kernel.attached() && !runner_->owns_kernel_scheduler())
        foreign = kernel.ops;
    if (foreign == core_->foreign())
        return;
    record("kernel", foreign
                         ? fmt::format("the scheduler {}, which is not ours, is attached", *foreign)
                         : "no foreign scheduler any more");
    send(event::ForeignScheduler{foreign});
}

void Daemon::power_changed() {
    const PowerState now = power_reader_.read();
    if (now == power_)
        return;
    power_ = now;
    record("power", fmt::format("{}{}{}", now.on_battery.value_or(false) ? "battery" : "mains",
                                now.profile.empty() ? "" : ", ", now.profile));
    send(event::PowerChanged{now});
}

void Daemon::tell_foreground() {
    if (core_->phase() != Phase::On || !core_->current() ||
        !has_control_socket(core_->current()->path))
        return;
    std::vector<Pid> groups;
    for (const Member& member : detector_->workloads().members()) {
        const Rule* rule = config_->find_rule(member.rule);
        if (rule != nullptr && rule->workload_class == WorkloadClass::Foreground)
            groups.push_back(member.key.pid);
    }
    for (const auto& [id, owner] : hold_owners_)
        if (owner.pid.value > 0)
            groups.push_back(owner.pid);
    scheduler_->foreground(std::move(groups));
}

// Answers those who wait for what has just been reached.
void Daemon::settle() {
    const Phase phase = core_->phase();
    if (phase == Phase::On || phase == Phase::Off) {
        const std::vector<Waiter> waiters = std::exchange(waiters_, {});
        for (const Waiter& waiter : waiters) {
            const bool good = waiter.wants_on == (phase == Phase::On);
            if (good)
                waiter.reply({{"ok", true}, {"status", status()}});
            else
                waiter.reply(
                    {{"ok", false},
                     {"error",
                      phase == Phase::Off && !last_reason_.empty() ? last_reason_ : core_->why()}});
        }
    }
    if (changed_)
        changed_();
    if (shutting_down_ && phase == Phase::Off)
        loop_.exit(0);
}

void Daemon::record(const std::string& kind, const std::string& text, const std::string& dump) {
    if (kind == "failed" || (kind == "exited" && !dump.empty()))
        spdlog::warn("{}: {}", kind, text);
    else
        spdlog::info("{}: {}", kind, text);
    history_.add({wall_clock_ms(), kind, text, dump});
    const json line = {{"ok", true}, {"time_ms", wall_clock_ms()}, {"event", kind}, {"text", text}};
    const std::map<ClientId, Reply> monitors = monitors_;
    for (const auto& [id, reply] : monitors)
        reply(line);
}

void Daemon::client_left(ClientId id) {
    monitors_.erase(id);
    std::erase_if(waiters_, [id](const Waiter& w) { return w.client == id; });
    std::vector<std::uint64_t> released;
    for (const auto& [hold, owner] : hold_owners_)
        if (owner.client == id)
            released.push_back(hold);
    for (const std::uint64_t hold : released) {
        hold_owners_.erase(hold);
        record("hold", fmt::format("{} released: its owner left", hold));
        send(event::HoldReleased{hold});
    }
    if (!released.empty())
        tell_foreground();
}

std::string Daemon::status_line() const {
    const auto& current = core_->current();
    return fmt::format("{}{}{}: {}", phase_name(core_->phase()), current ? " " : "",
                       current ? current->command() : "", core_->why());
}

} // namespace rustland::supervisor
