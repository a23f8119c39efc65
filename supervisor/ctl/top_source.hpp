// SPDX-License-Identifier: GPL-2.0-only
// Where `rustlandctl top` has its figures from.
#pragma once

#include "supervisor/ctl/top_view.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace rustland::supervisor {

class TopSource {
  public:
    TopSource(std::string scheduler_socket, std::string daemon_socket,
              std::chrono::milliseconds interval, std::string proc = "/proc")
        : scheduler_socket_(std::move(scheduler_socket)), daemon_socket_(std::move(daemon_socket)),
          proc_(std::move(proc)), interval_(interval) {}

    // Readable when the scheduler has something to say; -1 while there is none.
    [[nodiscard]] int fd() const { return feed_ ? feed_->fd() : -1; }
    // The next moment: waits for the scheduler's word, but not where there is none.
    TopMoment next();

  private:
    void ask_scheduler(TopMoment& moment);
    void ask_supervisor(TopMoment& moment) const;
    [[nodiscard]] TaskTimes times_of(std::int32_t pid, std::size_t& threads) const;

    std::string scheduler_socket_;
    std::string daemon_socket_;
    std::string proc_;
    std::chrono::milliseconds interval_;
    std::optional<SchedulerFeed> feed_;
};

} // namespace rustland::supervisor
