// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/model.hpp"
#include "bench/process.hpp"
#include "bench/shared.hpp"

#include <cstdint>

namespace rustland::bench {

// Starts the scenario's load as a process group of its own; it runs until the group is destroyed.
// One counter per slot is needed: build slots first, then hogs, then sleepers.
Result<ProcessGroup> start_load(const Scenario& scenario, const LoadCounters& counters,
                                std::uint64_t seed, std::uint64_t iterations_per_ms);

} // namespace rustland::bench
