// SPDX-License-Identifier: GPL-2.0-only
// Tells the running scheduler which thread groups are the foreground and which the background.
//
// The one place that knows the scheduler's control socket: one JSON line
// {"request":"classes","foreground":[…],"background":[…],"companions":[…]}, which replaces what was
// said before, answered {"ok":true} or {"error":"…"}.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/core/class_list.hpp"
#include "supervisor/system/loop.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace rustland::supervisor {

// A list of process ids.
nlohmann::json numbers(const std::vector<Pid>& pids);

class SchedulerClient {
  public:
    static Result<std::unique_ptr<SchedulerClient>> create(Loop& loop, std::string socket_path);

    // All of them, each time. Sent now, and again after a failure until it was taken or replaced.
    void classes(TaskClasses groups);
    // The one process that may listen; none: whoever has a name that is root's or our own.
    void trust(Pid scheduler) { trusted_ = scheduler; }
    // The scheduler is gone: nothing is sent until classes() is called again.
    void disconnect();

    // What the scheduler has confirmed.
    [[nodiscard]] const TaskClasses& confirmed() const { return confirmed_; }
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
    Pid trusted_;
    TaskClasses wanted_;
    TaskClasses confirmed_;
    std::string answer_;
    std::string problem_;
    bool active_ = false;
};

} // namespace rustland::supervisor
