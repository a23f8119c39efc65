// SPDX-License-Identifier: GPL-2.0-only
// How long the parts of a cell's load are, as pure functions of the load and the seed.
#pragma once

#include "bench/cell.hpp"
#include "rustland/common/types.hpp"

#include <cstdint>

namespace rustland::bench {

// CPU time, in iterations, of job number `job` of a slot: logarithmically uniform from the load's
// min to its max.
std::uint64_t job_iterations(const LoadSpec& load, std::uint64_t seed, unsigned slot,
                             std::uint64_t job, std::uint64_t iterations_per_ms);

// A step of a process of the load io: it waits for the device and works on what came. Both vary by
// half.
struct IoStep {
    Nanos wait{};
    std::uint64_t iterations = 0;
};
IoStep io_step(const LoadSpec& load, std::uint64_t seed, unsigned slot, std::uint64_t step,
               std::uint64_t iterations_per_ms);

} // namespace rustland::bench
