// SPDX-License-Identifier: GPL-2.0-only
// Puts a configuration's tasks into their groups, lets them work, and measures who got the CPUs.
#pragma once

#include "rustland/common/result.hpp"
#include "shares/description.hpp"
#include "shares/result.hpp"

#include <cstdint>
#include <string>

namespace rustland::shares {

struct StageOptions {
    Nanos warmup = seconds(2);
    Nanos duration = seconds(10);
    std::uint64_t seed = 1; // of the virtual machine: for the result only
    // The control socket of rustland, which is told of foreground tasks. Without a sched_ext
    // scheduler they run in the real-time class instead, which is before all others as well.
    std::string socket = "/run/rustland/scheduler.sock";
};

// Whether this process can do it: it must be root, in the root control group, with one thread. It
// becomes a real-time process, so that it measures on time, and the reaper of its descendants.
Status prepare_process();

// One run; when it returns, its tasks and groups are gone. An error when the scheduler changed.
Result<Run> perform(const Configuration& configuration, const StageOptions& options);

} // namespace rustland::shares
