// SPDX-License-Identifier: GPL-2.0-only
// A scheduler's socket on a loop in a thread of its own, and who asks it.
#pragma once

#include "rustland/common/clock.hpp"
#include "stats_server.hpp"
#include "support/temp_tree.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <pthread.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace rustland::test {

// The server's own limits, with whoever runs the tests in the place of root.
inline ClientLimits as_privileged() {
    ClientLimits limits = StatsServer::kLimits;
    limits.privileged = ::geteuid();
    return limits;
}

// A server on a loop in a thread of its own.
class RunningServer {
  public:
    // What is answered to the n-th question; runs in the server's thread.
    using Answer = std::function<std::string(int n)>;

    explicit RunningServer(const std::string& path, const std::string& answer = "{\"stats\":{}}\n",
                           const ClientLimits& limits = as_privileged())
        : RunningServer(
              path, [answer](int) { return answer; }, limits) {}
    RunningServer(const std::string& path, Answer answer,
                  const ClientLimits& limits = as_privileged())
        : loop_(*EventLoop::create()), answer_(std::move(answer)), end_(::eventfd(0, EFD_CLOEXEC)) {
        StatsServer::Callbacks callbacks;
        callbacks.stats = [this] { return answer_(++asked); };
        callbacks.classes = [](const Request& request) {
            return request.foreground.size() > 1 ? Status(Error("too many")) : Status();
        };
        callbacks.stop = [this] { stop_requested = true; };
        auto server = StatsServer::open(*loop_, path, callbacks, limits);
        if (!server) {
            ADD_FAILURE() << server.error().message();
            return;
        }
        server_ = *std::move(server);
        EXPECT_TRUE(loop_->watch(end_.get(), EPOLLIN, [this](std::uint32_t) { loop_->stop(); }));
        thread_ = std::thread([this] { EXPECT_TRUE(loop_->run()); });
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() { end(); }

    void end() {
        if (!thread_.joinable())
            return;
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(end_.get(), &one, sizeof(one)), sizeof(one));
        thread_.join();
        server_.reset();
    }
    // What the server's thread has used so far.
    Nanos cpu_time() {
        clockid_t clock{};
        timespec used{};
        EXPECT_EQ(::pthread_getcpuclockid(thread_.native_handle(), &clock), 0);
        EXPECT_EQ(::clock_gettime(clock, &used), 0);
        return seconds(used.tv_sec) + Nanos{used.tv_nsec};
    }

    std::atomic<int> asked{0};
    std::atomic<bool> stop_requested{false};

  private:
    std::unique_ptr<EventLoop> loop_;
    Answer answer_;
    UniqueFd end_;
    std::unique_ptr<StatsServer> server_;
    std::thread thread_;
};

class TestClient {
  public:
    explicit TestClient(const std::string& path) {
        auto fd = connect_to_socket(path);
        EXPECT_TRUE(fd);
        if (fd)
            fd_ = *std::move(fd);
        // No test hangs for good.
        const timeval limit{20, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    }
    void send(std::string_view text) const {
        EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    void end_sending() const { EXPECT_EQ(::shutdown(fd_.get(), SHUT_WR), 0); }
    // The next line; "closed" at the end of the connection.
    std::string line() {
        for (;;) {
            const std::size_t end = buffer_.find('\n');
            if (end != std::string::npos) {
                std::string text = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return text;
            }
            std::array<char, 4096> bytes{};
            const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
            if (n <= 0)
                return n == 0 || errno == ECONNRESET ? "closed" : "nothing came";
            buffer_.append(bytes.data(), static_cast<std::size_t>(n));
        }
    }
    std::string ask(std::string_view request) {
        send(std::string(request) + "\n");
        return line();
    }

  private:
    UniqueFd fd_;
    std::string buffer_;
};

class StatsSocket : public testing::Test {
  protected:
    // The directory is missing at first.
    TempTree tree;
    std::string path = tree.path("rustland/scheduler.sock");
};

inline constexpr const char* kStats = R"({"request":"stats"})";

} // namespace rustland::test
