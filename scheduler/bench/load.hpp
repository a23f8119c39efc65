// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/model.hpp"
#include "bench/process.hpp"
#include "bench/shared.hpp"

#include <cstdint>

namespace rustland::bench {

// How many counters the scenario's load needs: one for each process, pair or thread that counts.
unsigned counters_of(const Scenario& scenario);

// Starts the scenario's load as a process group of its own; it runs until the group is destroyed.
// Counters: build slots first, then hogs, then sleepers.
Result<ProcessGroup> start_load(const Scenario& scenario, const LoadCounters& counters,
                                std::uint64_t seed, std::uint64_t iterations_per_ms,
                                const Placement& place);

// The same for the load of a cell. A load that is part of the game's process has a group that only
// waits.
Result<ProcessGroup> start_cell_load(const LoadSpec& load, const LoadCounters& counters,
                                     std::uint64_t seed, std::uint64_t iterations_per_ms,
                                     const Placement& place);

} // namespace rustland::bench
