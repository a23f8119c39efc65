// SPDX-License-Identifier: GPL-2.0-only
// A simulated machine with the deadline policy, and what its tasks got.
#pragma once

#include "rustland/policy/deadline_policy.hpp"
#include "rustland/testing/simulation.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rustland::test {

using DeadlineMachine = testing::Simulation<DeadlinePolicy>;

inline DeadlineParams params_for(std::uint32_t cpus) {
    DeadlineParams params;
    params.nr_cpus = cpus;
    return params;
}

// With at most 64 CPUs; all of them share a last-level cache unless told otherwise.
inline DeadlineMachine deadline_machine(std::uint32_t cpus, std::size_t cpus_per_llc = 64) {
    return DeadlineMachine(testing::MachineParams{.cpus = cpus, .cpus_per_llc = cpus_per_llc},
                           params_for(cpus), std::size_t{4096});
}

// CPU time so far, in seconds.
inline double seconds_of(const DeadlineMachine& sim, Pid pid) {
    return static_cast<double>(sim.kernel.stats(pid).cpu_time.value) / 1e9;
}

inline double sum_of(const DeadlineMachine& sim, const std::vector<Pid>& pids) {
    double sum = 0;
    for (const Pid pid : pids)
        sum += seconds_of(sim, pid);
    return sum;
}

inline std::vector<Pid> spawn(DeadlineMachine& sim, int count, const testing::TaskSpec& spec) {
    std::vector<Pid> pids;
    pids.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        pids.push_back(sim.kernel.spawn(spec));
    return pids;
}

} // namespace rustland::test
