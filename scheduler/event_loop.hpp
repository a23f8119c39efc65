// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace rustland {

// The main thread's loop: waits for descriptors and calls the handler of each. A handler may watch
// and forget descriptors, also its own.
class EventLoop {
  public:
    using Handler = std::function<void(std::uint32_t events)>;

    static Result<std::unique_ptr<EventLoop>> create();

    // `events` as in epoll_ctl(2). The descriptor stays the caller's, who forgets it before it is
    // closed.
    Status watch(int fd, std::uint32_t events, Handler handler);
    Status change(int fd, std::uint32_t events);
    void forget(int fd);

    // Until stop() has been called.
    Status run();
    void stop() { stopped_ = true; }

  private:
    explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

    UniqueFd epoll_;
    std::map<int, std::shared_ptr<Handler>> handlers_;
    bool stopped_ = false;
};

// Becomes readable every so often.
class IntervalTimer {
  public:
    static Result<IntervalTimer> every(Nanos interval);
    [[nodiscard]] int fd() const { return fd_.get(); }
    // Makes it unreadable again.
    void acknowledge();

  private:
    explicit IntervalTimer(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

} // namespace rustland
