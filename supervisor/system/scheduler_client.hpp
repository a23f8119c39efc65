// SPDX-License-Identifier: GPL-2.0-only
// Tells the running scheduler which thread groups are the foreground.
//
// The one place that knows the scheduler's control socket: JSON lines,
// {"request":"foreground","tgids":[…]} answered {"ok":true}.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <string>
#include <vector>

namespace rustland::supervisor {

class SchedulerClient {
  public:
    static Result<std::unique_ptr<SchedulerClient>> create(Loop& loop, std::string socket_path);

    // The whole set, each time. Sent now, and again after a failure until it was taken or replaced.
    void foreground(std::vector<Pid> groups);
    // The scheduler is gone: nothing is sent until foreground() is called again.
    void disconnect();

    // The set that the scheduler has confirmed.
    [[nodiscard]] const std::vector<Pid>& confirmed() const { return confirmed_; }
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    SchedulerClient(Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}
    void send();
    Status try_send();
    void read();
    void failed(const std::string& why);

    Loop& loop_;
    std::string path_;
    UniqueFd fd_;
    Source source_;
    Source retry_;
    Nanos delay_;
    std::vector<Pid> wanted_;
    std::vector<Pid> confirmed_;
    std::string answer_;
    std::string problem_;
    bool active_ = false;
};

} // namespace rustland::supervisor
