// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/child_runner.hpp"

#include "supervisor/system/spawn.hpp"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rustland::supervisor {
namespace {

constexpr off_t kOutputKept = 16384;

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
    // Kept open beside the child's copy only until this function ends.
    const UniqueFd log(::open(
        log_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!log)
        return launch_failed(Error::from_errno(log_path_).message());
    const auto process = spawn_process(spec, log.get());
    if (process)
        return launched(*process);
    const std::string& why = process.error().message();
    if (is_no_program(process.error().code()))
        launch_failed(fmt::format("{}; {}", why, kMendProgram), ExitKind::Misconfigured);
    else
        launch_failed(why);
}

Result<ProcessKey> ChildRunner::spawn_process(const SchedulerSpec& spec, int log) {
    std::vector<std::string> command{spec.path};
    command.insert(command.end(), spec.args.begin(), spec.args.end());
    const auto pid = spawn_program({std::move(command), log, log, true});
    if (!pid)
        return pid.error();
    if (const Status status = watch(*pid); !status) {
        ::kill(pid->value, SIGKILL);
        ::waitpid(pid->value, nullptr, 0);
        return status.error();
    }
    return proc_.key(*pid).value_or(ProcessKey{*pid, 0});
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
    ended(end);
}

void ChildRunner::read_output(const std::function<void(std::string)>& deliver) {
    deliver(output());
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
