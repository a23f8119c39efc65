// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/line_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rustland {
namespace {

// Bytes written; 0: not now; -1: nobody can read them.
ssize_t write_now(int fd, std::string_view text) {
    ssize_t n = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) {
        // A pipe that is ready takes so much without waiting, a terminal takes what it can.
        pollfd out{fd, POLLOUT, 0};
        if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0)
            return 0;
        n = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    }
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

} // namespace

void LineWriter::put(std::string_view& text) const {
    while (!text.empty()) {
        const ssize_t n = write_now(fd_, text);
        if (n == 0)
            return;
        text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : text.size());
    }
}

void LineWriter::write(std::string_view line) {
    const auto take = [this](std::string_view whole) {
        std::string_view left = whole;
        put(left);
        // What has begun is a line of the log.
        if (left.size() < whole.size())
            rest_ = left;
        return left.size() < whole.size();
    };
    std::string_view rest = rest_;
    put(rest);
    rest_ = std::string(rest);
    if (rest_.empty() && lost_ > 0) {
        const bool taken = take(fmt::format(
            "{}{} lines of the log are missing here: nobody read them in time\n", program_, lost_));
        lost_ = taken ? 0 : lost_;
    }
    if (!rest_.empty() || lost_ > 0 || !take(line))
        ++lost_;
}

} // namespace rustland
