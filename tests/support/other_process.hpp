// SPDX-License-Identifier: GPL-2.0-only
// A part of a test in a process of its own, with an output that the test chooses.
#pragma once

#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cstddef>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::test {

struct PipeEnds {
    UniqueFd reader;
    UniqueFd writer; // blocking, as standard output and error are
};

inline PipeEnds make_pipe() {
    std::array<int, 2> fds{-1, -1};
    EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// What is in it now.
inline std::string read_all(const UniqueFd& fd) {
    EXPECT_EQ(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), 0);
    std::string text;
    std::array<char, 65536> buffer{};
    for (ssize_t n = 0; (n = ::read(fd.get(), buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
}

// Runs `work` in a child that has `output` as its standard output and error. True where it comes
// back from that; one that hangs is ended after 20 s.
template <typename Work> bool comes_back(const UniqueFd& output, const Work& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::dup2(output.get(), STDOUT_FILENO);
        ::dup2(output.get(), STDERR_FILENO);
        work();
        ::_exit(0);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace rustland::test
