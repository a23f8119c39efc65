// SPDX-License-Identifier: GPL-2.0-only
#include "bench/process.hpp"

#include "rustland/common/file.hpp"
#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::bench {
namespace {

pid_t wait_for(pid_t pid, int* status, int options) {
    pid_t got = 0;
    do {
        got = ::waitpid(pid, status, options);
    } while (got < 0 && errno == EINTR);
    return got;
}

void reset_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD})
        (void)std::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

} // namespace

void die_with_parent(pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) // it died before the line above took effect
        ::_exit(1);
}

void set_comm(const char* name) { ::prctl(PR_SET_NAME, name); }

namespace {

// In the child. Its process group is its session's where it has a session of its own.
Status take_place(const Placement& place) {
    if (place.own_session) {
        if (::setsid() < 0)
            return Error::from_errno("start a session");
    } else {
        ::setpgid(0, 0);
    }
    if (place.cgroup.empty())
        return {};
    auto status = write_file(place.cgroup + "/cgroup.procs", "0");
    return status ? status : status.error().with("move into the control group");
}

// What a child says through the pipe before it ends; empty if it closes it without a word.
std::string read_all(int fd) {
    std::string text;
    std::array<char, 256> buffer{};
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

} // namespace

Result<ProcessGroup> ProcessGroup::start(const char* comm, const std::function<int()>& body,
                                         const Placement& place) {
    std::array<int, 2> pipe_fds{};
    if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0)
        return Error::from_errno("pipe");
    const UniqueFd placed(pipe_fds[0]);
    UniqueFd tell(pipe_fds[1]);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0)
        return Error::from_errno(fmt::format("start the process {}", comm));
    if (pid == 0) {
        die_with_parent(parent);
        reset_signals();
        set_comm(comm);
        if (const auto status = take_place(place); !status) {
            const std::string& why = status.error().message();
            (void)!::write(tell.get(), why.data(), why.size());
            ::_exit(1);
        }
        tell.reset();
        ::_exit(body());
    }
    tell.reset();
    ProcessGroup group(pid);
    if (const std::string why = read_all(placed.get()); !why.empty())
        return Error(fmt::format("start the process {}: {}", comm, why));
    return group;
}

bool ProcessGroup::has_exited(int& status) {
    if (reaped_)
        return true;
    if (wait_for(pid_, &status, WNOHANG) != pid_)
        return false;
    reaped_ = true;
    return true;
}

void ProcessGroup::kill_and_reap() {
    if (pid_ <= 0)
        return;
    // The group exists while any member does, so its number is ours even after the leader has been
    // reaped, unless the group is empty: then kill says ESRCH or there is nothing left to wait for.
    if (::kill(-pid_, SIGKILL) == 0 || !reaped_) {
        // Members whose parent is gone are reparented to us (PR_SET_CHILD_SUBREAPER).
        while (wait_for(-pid_, nullptr, 0) > 0) {
        }
    }
    pid_ = 0;
    reaped_ = true;
}

std::string describe_wait_status(int status) {
    if (WIFEXITED(status))
        return fmt::format("exited with status {}", WEXITSTATUS(status));
    if (WIFSIGNALED(status))
        return fmt::format("killed by signal {} ({})", WTERMSIG(status),
                           ::strsignal(WTERMSIG(status)));
    return fmt::format("wait status {}", status);
}

Result<pid_t> fork_member(const char* comm, const std::function<int()>& body) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0)
        return Error::from_errno(fmt::format("start the process {}", comm));
    if (pid == 0) {
        die_with_parent(parent);
        set_comm(comm);
        ::_exit(body());
    }
    return pid;
}

Status wait_for_success(pid_t pid, const std::string& what) {
    int status = 0;
    if (wait_for(pid, &status, 0) != pid)
        return Error::from_errno("wait for " + what);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error(what + " " + describe_wait_status(status));
    return {};
}

} // namespace rustland::bench
