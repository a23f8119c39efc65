// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/child_runner.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace rustland::supervisor {
namespace {

constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGKILL};
// A scheduler that the kernel ejected gets this long to write its report and leave.
constexpr Nanos kEjectedGrace = seconds(1);
constexpr Nanos kFirstCheck = millis(2);
constexpr Nanos kLastCheck = millis(50);
constexpr off_t kOutputKept = 16384;

// Our environment less what systemd meant for us alone.
std::vector<char*> child_environment() {
    std::vector<char*> out;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!text.starts_with("NOTIFY_SOCKET=") && !text.starts_with("WATCHDOG_") &&
            !text.starts_with("LISTEN_") && !text.starts_with("JOURNAL_STREAM="))
            out.push_back(*entry);
    }
    out.push_back(nullptr);
    return out;
}

Status check_program(const std::string& path) {
    struct stat st = {};
    if (::stat(path.c_str(), &st) != 0)
        return Error::from_errno(path);
    if (!S_ISREG(st.st_mode) || ::access(path.c_str(), X_OK) != 0)
        return Error(path + ": is not a program");
    if ((st.st_mode & S_IWOTH) != 0)
        return Error(path + ": can be written by others; chmod o-w it");
    return {};
}

// posix_spawn's settings, freed whatever happens.
struct SpawnSettings {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
    SpawnSettings() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    SpawnSettings(SpawnSettings&&) = delete;
    SpawnSettings& operator=(SpawnSettings&&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
};

} // namespace

Result<std::unique_ptr<ChildRunner>> ChildRunner::create(Loop& loop, SchedExtReader kernel,
                                                         ProcReader proc,
                                                         ChildRunnerOptions options) {
    std::unique_ptr<ChildRunner> self(
        new ChildRunner(loop, std::move(kernel), std::move(proc), std::move(options)));
    ChildRunner* raw = self.get();
    auto check = loop.timer([raw] { raw->check(); });
    auto deadline = loop.timer([raw] { raw->deadline(); });
    auto later = loop.timer([raw] {
        if (const auto event = std::exchange(raw->later_, std::nullopt))
            raw->report(*event);
    });
    for (auto* timer : {&check, &deadline, &later})
        if (!*timer)
            return timer->error();
    self->check_timer_ = *std::move(check);
    self->deadline_timer_ = *std::move(deadline);
    self->later_timer_ = *std::move(later);
    return self;
}

void ChildRunner::configure(Nanos start_timeout, Nanos stop_timeout) {
    options_.start_timeout = start_timeout;
    options_.stop_timeout = stop_timeout;
}

void ChildRunner::start(const SchedulerSpec& spec, bool take_over) {
    spec_ = spec;
    requested_ = false;
    give_up_.clear();
    const KernelState kernel = kernel_.read();
    if (!kernel.supported)
        return fail(fmt::format("this kernel has no sched_ext ({} is missing); boot one with "
                                "CONFIG_SCHED_CLASS_EXT",
                                kernel_.root()));
    if (const Status status = check_program(spec.path); !status)
        return fail(status.error().message());
    if (!kernel.attached())
        return spawn();
    if (!take_over)
        return fail(fmt::format("the kernel already runs the scheduler {}", *kernel.ops));
    // SysRq-S gives all tasks back to the kernel's own scheduler, whoever attached the other one.
    if (const Status status = write_file(options_.sysrq_path, "S"); !status)
        return fail(status.error().with("taking over").message());
    phase_ = Phase::Evicting;
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
    check_delay_ = kFirstCheck;
    check_later();
}

void ChildRunner::spawn() {
    seq_before_ = kernel_.read().enable_seq;
    if (const Status status = spawn_process(); !status)
        return fail(status.error().message());
    phase_ = Phase::Starting;
    deadline_timer_.arm(monotonic_now() + options_.start_timeout);
    check_delay_ = kFirstCheck;
    check_later();
}

Status ChildRunner::spawn_process() {
    // Kept open beside the child's copy only until this function ends.
    const UniqueFd log(::open(options_.log_path.c_str(),
                              O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                              0600));
    if (!log)
        return Error::from_errno(options_.log_path);
    SpawnSettings settings;
    ::posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&settings.files, log.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&settings.files, log.get(), STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&settings.attributes, &none);
    ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
    ::posix_spawnattr_setflags(&settings.attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> argv{const_cast<char*>(spec_.path.c_str())};
    for (const std::string& argument : spec_.args)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> environment = child_environment();
    pid_t pid = 0;
    const int r = ::posix_spawn(&pid, spec_.path.c_str(), &settings.files, &settings.attributes,
                                argv.data(), environment.data());
    if (r != 0)
        return Error::from_code(spec_.path, r);
    if (const Status status = watch(Pid{pid}); !status) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return status;
    }
    const auto key = proc_.key(Pid{pid});
    record_ = {spec_, key.value_or(ProcessKey{Pid{pid}, 0}), "", "child"};
    return {};
}

Status ChildRunner::watch(Pid pid) {
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
    if (!pidfd_)
        return Error::from_errno(fmt::format("watch process {}", pid.value));
    auto source = loop_.io(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { process_ended(); });
    if (!source)
        return source.error();
    exit_source_ = *std::move(source);
    return {};
}

bool ChildRunner::adopt(const RunRecord& record) {
    if (phase_ != Phase::Idle || !kernel_.read().attached() || !watch(record.process.pid))
        return false;
    // Only now is the pid ours to compare: it cannot be used again while the pidfd is open.
    const auto key = proc_.key(record.process.pid);
    if (!key || *key != record.process) {
        exit_source_.reset();
        pidfd_.reset();
        return false;
    }
    spec_ = record.spec;
    record_ = record;
    requested_ = false;
    phase_ = Phase::Running;
    return true;
}

void ChildRunner::check_later() {
    check_timer_.arm(monotonic_now() + check_delay_);
    check_delay_ = std::min(check_delay_ * 2, kLastCheck);
}

void ChildRunner::kernel_changed() { check(); }

void ChildRunner::check() {
    const KernelState kernel = kernel_.read();
    switch (phase_) {
    case Phase::Evicting:
        if (!kernel.attached())
            return spawn();
        return check_later();
    case Phase::Starting:
        if (kernel.attached() && kernel.state == "enabled" && kernel.enable_seq > seq_before_) {
            check_timer_.disarm();
            deadline_timer_.disarm();
            phase_ = Phase::Running;
            record_.ops = *kernel.ops;
            return report(runner::Attached{record_});
        }
        return check_later();
    case Phase::Running:
        // Ejected. The process writes its report and leaves; if it does not, it is made to.
        if (!kernel.attached()) {
            phase_ = Phase::Ejected;
            deadline_timer_.arm(monotonic_now() + kEjectedGrace);
        }
        return;
    case Phase::Detaching:
        if (!kernel.attached() || kernel.enable_seq > seq_before_)
            return finish(*std::exchange(ending_, std::nullopt));
        return check_later();
    case Phase::Idle:
    case Phase::Ejected:
    case Phase::Stopping:
        return;
    }
}

void ChildRunner::stop() {
    requested_ = true;
    if (phase_ == Phase::Idle || phase_ == Phase::Evicting) {
        check_timer_.disarm();
        deadline_timer_.disarm();
        phase_ = Phase::Idle;
        return report_later(runner::Stopped{});
    }
    if (phase_ == Phase::Detaching)
        ending_ = runner::Stopped{exit_, ""};
    if (phase_ == Phase::Stopping || phase_ == Phase::Detaching)
        return;
    phase_ = Phase::Stopping;
    check_timer_.disarm();
    step_ = 0;
    signal_next();
}

void ChildRunner::signal_next() {
    const auto last = static_cast<int>(kSignals.size()) - 1;
    const int signal = kSignals[static_cast<std::size_t>(std::min(step_, last))];
    ++step_;
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
    // One that was stopped would not hear it.
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
}

void ChildRunner::deadline() {
    switch (phase_) {
    case Phase::Evicting:
        return fail("the other scheduler did not leave the kernel");
    case Phase::Starting:
        give_up_ = fmt::format("not attached within {}", format_duration(options_.start_timeout));
        break;
    case Phase::Ejected:
        give_up_ = "the kernel ejected it, and its process did not end";
        break;
    case Phase::Stopping:
        return signal_next();
    case Phase::Detaching: {
        RunnerEvent event = *std::exchange(ending_, std::nullopt);
        if (auto* stopped = std::get_if<runner::Stopped>(&event))
            stopped->problem = "its process is gone, but the kernel still shows a scheduler";
        return finish(event);
    }
    case Phase::Idle:
    case Phase::Running:
        return;
    }
    const bool starting = phase_ == Phase::Starting;
    phase_ = Phase::Stopping;
    check_timer_.disarm();
    exit_.kind = starting ? ExitKind::Failed : ExitKind::Ejected;
    step_ = 0;
    signal_next();
}

void ChildRunner::process_ended() {
    ProcessEnd end;
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) == 0 &&
        info.si_pid != 0) {
        end.known = true;
        (info.si_code == CLD_EXITED ? end.exit_code : end.signal) = info.si_status;
    }
    exit_source_.reset();
    pidfd_.reset();
    const Phase was = phase_;
    const bool ours = has_control_socket(spec_.path);
    check_timer_.disarm();
    if (!give_up_.empty() && !requested_) {
        const ExitKind kind = exit_.kind;
        exit_ = describe_exit(end, ours, false, output());
        exit_.kind = kind;
        exit_.reason = give_up_ + "; " + exit_.reason;
        return await_detached(kind == ExitKind::Failed ? RunnerEvent(runner::StartFailed{exit_})
                                                       : RunnerEvent(runner::Exited{exit_}));
    }
    exit_ = describe_exit(end, ours, was == Phase::Stopping, output());
    if (was == Phase::Starting) {
        // Not being attached is a failure, however politely it left.
        if (exit_.kind == ExitKind::Outside)
            exit_.kind = ExitKind::Failed;
        return await_detached(runner::StartFailed{exit_});
    }
    if (was == Phase::Ejected && exit_.kind == ExitKind::Failed)
        exit_.kind = ExitKind::Ejected;
    await_detached(was == Phase::Stopping ? RunnerEvent(runner::Stopped{exit_, ""})
                                          : RunnerEvent(runner::Exited{exit_}));
}

// The kernel takes some milliseconds to give the tasks back after its scheduler has died. Nothing
// is reported before: another start would be refused, and the dying one taken for a foreign one.
void ChildRunner::await_detached(RunnerEvent event) {
    ending_ = std::move(event);
    phase_ = Phase::Detaching;
    seq_before_ = kernel_.read().enable_seq;
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
    check_delay_ = kFirstCheck;
    check();
}

void ChildRunner::finish(const RunnerEvent& event) {
    phase_ = Phase::Idle;
    check_timer_.disarm();
    deadline_timer_.disarm();
    report(event);
}

void ChildRunner::fail(const std::string& reason) {
    phase_ = Phase::Idle;
    check_timer_.disarm();
    deadline_timer_.disarm();
    ExitInfo exit;
    exit.reason = reason;
    report_later(runner::StartFailed{exit});
}

void ChildRunner::report_later(RunnerEvent event) {
    later_ = std::move(event);
    later_timer_.arm(monotonic_now());
}

std::string ChildRunner::output() const {
    const UniqueFd fd(::open(options_.log_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd)
        return "";
    const off_t size = ::lseek(fd.get(), 0, SEEK_END);
    const off_t from = std::max<off_t>(size - kOutputKept, 0);
    std::string text(static_cast<std::size_t>(std::max<off_t>(size - from, 0)), '\0');
    const ssize_t n = ::pread(fd.get(), text.data(), text.size(), from);
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
}

} // namespace rustland::supervisor
