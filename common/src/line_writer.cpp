// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/line_writer.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace rustland {
namespace {

// Bytes written; 0: not now; -1: nobody can read them.
ssize_t write_now(int fd, std::string_view text) {
    ssize_t n = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) {
        // A pipe that is ready takes so much without waiting, and one without a reader says so.
        pollfd out{fd, POLLOUT, 0};
        if (::poll(&out, 1, 0) != 1)
            return 0;
        n = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    }
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

// A terminal takes a part of a text and then waits with the rest, also where poll(2) calls it
// ready, and MSG_DONTWAIT is for sockets. O_NONBLOCK belongs to the open file, which a shell and
// others share, so that the terminal is opened once more. None where that is not possible: it
// belongs to another user, say. Then it is written to like a pipe.
UniqueFd open_terminal(int fd) {
    if (::isatty(fd) != 1)
        return {};
    return UniqueFd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                           O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

} // namespace

LineWriter::LineWriter(int fd, std::string program, Nanos patience)
    : terminal_(open_terminal(fd)), fd_(terminal_ ? terminal_.get() : fd),
      program_(std::move(program)), patience_(patience) {}

bool LineWriter::wait_until(Nanos deadline) {
    constexpr std::int64_t kMilli = 1'000'000;
    const Nanos left = deadline - monotonic_now();
    pollfd out{fd_, POLLOUT, 0};
    hangs_ = hangs_ || left.value < kMilli ||
             ::poll(&out, 1, static_cast<int>(left.value / kMilli)) != 1;
    return !hangs_;
}

void LineWriter::put(std::string_view& text, Nanos deadline) {
    while (!text.empty()) {
        const ssize_t n = write_now(fd_, text);
        if (n == 0 && !wait_until(deadline))
            return;
        if (n == 0)
            continue;
        hangs_ = false;
        text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : text.size());
    }
}

void LineWriter::write(std::string_view line) {
    const Nanos deadline = monotonic_now() + patience_;
    const auto take = [this, deadline](std::string_view whole) {
        std::string_view left = whole;
        put(left, deadline);
        // What has begun is a line of the log.
        if (left.size() < whole.size())
            rest_ = left;
        return left.size() < whole.size();
    };
    std::string_view rest = rest_;
    put(rest, deadline);
    rest_ = std::string(rest);
    if (rest_.empty() && lost_ > 0) {
        const bool taken = take(fmt::format(
            "{}{} lines are missing here: nobody read them in time\n", program_, lost_));
        lost_ = taken ? 0 : lost_;
    }
    if (!rest_.empty() || lost_ > 0 || !take(line))
        ++lost_;
}

} // namespace rustland
