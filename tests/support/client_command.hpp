// SPDX-License-Identifier: GPL-2.0-only
// A real client program, run while the test's loop serves it.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"
#include "support/private_bus.hpp"
#include "support/wait.hpp"

#include <array>
#include <fcntl.h>
#include <string>
#include <vector>

namespace rustland::test {

class ClientCommand {
  public:
    explicit ClientCommand(const std::vector<std::string>& command) {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            return;
        output_.reset(ends[0]);
        const UniqueFd write_end(ends[1]);
        ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
        pid_ = spawn(command, write_end.get());
        if (pid_ < 0)
            output = "cannot start '" + command.front() + "': is its package installed?";
    }
    ClientCommand(const ClientCommand&) = delete;
    ClientCommand& operator=(const ClientCommand&) = delete;
    ClientCommand(ClientCommand&&) = delete;
    ClientCommand& operator=(ClientCommand&&) = delete;
    ~ClientCommand() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    // True once it has ended; its exit code and output are there then.
    bool ended() {
        std::array<char, 4096> buffer{};
        for (ssize_t n = 0; (n = ::read(output_.get(), buffer.data(), buffer.size())) > 0;)
            output.append(buffer.data(), static_cast<std::size_t>(n));
        int status = 0;
        if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return ended();
        }
        return pid_ < 0;
    }
    void kill(int signal) const { ::kill(pid_, signal); }
    [[nodiscard]] pid_t pid() const { return pid_; }

    int code = -1;
    std::string output;

  private:
    pid_t pid_ = -1;
    UniqueFd output_;
};

} // namespace rustland::test
