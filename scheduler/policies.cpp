// SPDX-License-Identifier: GPL-2.0-only
#include "policies.hpp"

#include "rustland/policy/deadline_policy.hpp"
#include "rustland/policy/fifo_policy.hpp"

namespace rustland {

Program rustland_program() {
    Program program;
    program.name = "rustland";
    program.about = "Schedules the CPUs of this machine with a policy in user space, until it is "
                    "stopped\n(SIGINT, SIGTERM). The kernel's own scheduler then takes over "
                    "again, as it does when\nanything goes wrong.";
    program.policies = {"deadline", "fifo"};
    program.memory_bytes = 0; // its policies take theirs once, from the heap
    return program;
}

Result<std::unique_ptr<Policy>> make_policy(const PolicyContext& context) {
    if (context.policy == "fifo")
        return std::unique_ptr<Policy>(
            std::make_unique<FifoPolicy>(context.slice_max, context.capacity));
    DeadlineParams params;
    params.slice_max = context.slice_max;
    params.slice_min = context.slice_min;
    params.others_share = context.others_share;
    params.nr_cpus = context.topology.nr_online;
    return std::unique_ptr<Policy>(std::make_unique<DeadlinePolicy>(params, context.capacity));
}

} // namespace rustland
