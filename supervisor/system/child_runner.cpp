// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/child_runner.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rustland::supervisor {
namespace {

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
                                                         const ChildRunnerOptions& options) {
    std::unique_ptr<ChildRunner> self(
        new ChildRunner(loop, std::move(kernel), std::move(proc), options));
    if (const Status status = self->init(); !status)
        return status.error();
    return self;
}

void ChildRunner::launch(const SchedulerSpec& spec, bool) {
    const auto process = spawn_process(spec);
    if (!process)
        return launch_failed(process.error().message());
    launched(*process);
}

Result<ProcessKey> ChildRunner::spawn_process(const SchedulerSpec& spec) {
    // Kept open beside the child's copy only until this function ends.
    const UniqueFd log(::open(
        log_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!log)
        return Error::from_errno(log_path_);
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
    std::vector<char*> argv{const_cast<char*>(spec.path.c_str())};
    for (const std::string& argument : spec.args)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> environment = child_environment();
    pid_t pid = 0;
    const int r = ::posix_spawn(&pid, spec.path.c_str(), &settings.files, &settings.attributes,
                                argv.data(), environment.data());
    if (r != 0)
        return Error::from_code(spec.path, r);
    if (const Status status = watch(Pid{pid}); !status) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return status.error();
    }
    return proc_.key(Pid{pid}).value_or(ProcessKey{Pid{pid}, 0});
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

bool ChildRunner::take(const RunRecord& record) {
    if (!watch(record.process.pid))
        return false;
    // Only now is the pid ours to compare: it cannot be used again while the pidfd is open.
    const auto key = proc_.key(record.process.pid);
    if (key && *key == record.process)
        return true;
    exit_source_.reset();
    pidfd_.reset();
    return false;
}

void ChildRunner::send_signal(int signal) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
    // One that was stopped would not hear it.
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
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
    ended(end, output());
}

std::string ChildRunner::output() const {
    const UniqueFd fd(::open(log_path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
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
