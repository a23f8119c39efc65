// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/command_output.hpp"

#include "rustland/common/clock.hpp"
#include "supervisor/system/spawn.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace rustland::supervisor {
namespace {

// True where the process is gone and has been waited for.
bool waited_for(int pidfd) {
    siginfo_t info{};
    return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0 ||
           info.si_pid != 0;
}

} // namespace

Result<std::unique_ptr<CommandOutput>> CommandOutput::start(Loop& loop,
                                                            const std::vector<std::string>& command,
                                                            CommandLimits limits,
                                                            CommandEvents events) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return Error::from_errno(command.front());
    std::unique_ptr<CommandOutput> self(new CommandOutput(limits, std::move(events)));
    self->pipe_.reset(ends[0]);
    const UniqueFd written(ends[1]);
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        return Error::from_errno(command.front());
    const auto pid = spawn_program({command, written.get(), -1, false});
    if (!pid)
        return pid.error();
    if (const Status status = self->watch(loop, *pid); !status) {
        ::kill(pid->value, SIGKILL);
        ::waitpid(pid->value, nullptr, 0);
        return status.error().with(command.front());
    }
    return self;
}

Status CommandOutput::watch(Loop& loop, Pid pid) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
    if (!pidfd)
        return Error::from_errno("wait for its end");
    auto exit = loop.io(pidfd.get(), EPOLLIN, [this](std::uint32_t) { ended(); });
    auto readable = loop.io(pipe_.get(), EPOLLIN, [this](std::uint32_t) { read(); });
    auto deadline = loop.timer([this] { too_late(); });
    for (const auto* source : {&exit, &readable, &deadline})
        if (!*source)
            return source->error();
    exit_ = *std::move(exit);
    readable_ = *std::move(readable);
    deadline_ = *std::move(deadline);
    deadline_.arm(monotonic_now() + limits_.patience);
    pidfd_ = std::move(pidfd);
    return {};
}

CommandOutput::~CommandOutput() {
    // One that does not die at once is left to init: nothing may wait here.
    if (pidfd_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) == 0)
        waited_for(pidfd_.get());
}

void CommandOutput::read() {
    std::array<char, 4096> buffer{};
    ssize_t n = 0;
    while ((n = ::read(pipe_.get(), buffer.data(), buffer.size())) > 0) {
        text_.append(buffer.data(), static_cast<std::size_t>(n));
        // Not at each turn, so that the text is not moved for each few bytes.
        if (text_.size() > 2 * limits_.bytes)
            text_.erase(0, text_.size() - limits_.bytes);
    }
    if (n == 0)
        readable_.reset();
}

void CommandOutput::too_late() {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    hand_over();
}

void CommandOutput::ended() {
    if (!waited_for(pidfd_.get()))
        return;
    exit_.reset();
    pidfd_.reset();
    deadline_.disarm();
    read();
    hand_over();
    if (const auto gone = events_.gone)
        gone(); // and with it, perhaps, this
}

void CommandOutput::hand_over() {
    if (std::exchange(handed_over_, true))
        return;
    if (text_.size() > limits_.bytes)
        text_.erase(0, text_.size() - limits_.bytes);
    const auto output = events_.output;
    output(std::move(text_));
}

} // namespace rustland::supervisor
