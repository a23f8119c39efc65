// SPDX-License-Identifier: GPL-2.0-only
// Which scheduler is in charge.
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::shares {

struct SchedulerState {
    std::string name = "EEVDF"; // or that of the sched_ext scheduler
    std::string enable_seq;     // grows each time that one is attached
    std::string cgroup_mode;    // of EEVDF, where the kernel has a choice
    bool operator==(const SchedulerState&) const = default;
};

SchedulerState scheduler_state();

// Makes the processes the foreground: tells the scheduler that listens at the socket or, under the
// kernel's own, makes them real-time processes.
Status make_foreground(const SchedulerState& state, const std::string& socket,
                       const std::vector<pid_t>& pids);

} // namespace rustland::shares
