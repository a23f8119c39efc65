// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace rustland::test {

// Plays the scheduler's control socket.
class FakeSchedulerSocket {
  public:
    FakeSchedulerSocket(supervisor::Loop& loop, const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        EXPECT_EQ(
            ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
        EXPECT_EQ(::listen(listener_.get(), 4), 0);
        auto source = loop.io(listener_.get(), EPOLLIN, [this](std::uint32_t) {
            const UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
            std::array<char, 4096> buffer{};
            const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
            if (n > 0)
                requests.emplace_back(buffer.data(), static_cast<std::size_t>(n));
            ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        });
        source_ = *std::move(source);
    }
    std::vector<std::string> requests;
    std::string answer = "{\"ok\":true}\n";

  private:
    UniqueFd listener_;
    supervisor::Source source_;
};

} // namespace rustland::test
