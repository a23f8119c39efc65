// SPDX-License-Identifier: GPL-2.0-only
#include "bench/load_plan.hpp"

#include "bench/rng.hpp"

namespace rustland::bench {
namespace {

// Far from those of model.cpp; one for each slot.
constexpr std::uint64_t kJobStreams = 1'000'000;
constexpr std::uint64_t kIoStreams = 2'000'000;

} // namespace

std::uint64_t job_iterations(const LoadSpec& load, std::uint64_t seed, unsigned slot,
                             std::uint64_t job, std::uint64_t iterations_per_ms) {
    Rng rng = rng_for(seed, kJobStreams + slot, job);
    const double micros =
        rng.log_uniform(static_cast<double>(load.min_us), static_cast<double>(load.max_us));
    return static_cast<std::uint64_t>(micros * static_cast<double>(iterations_per_ms) / 1000.0);
}

IoStep io_step(const LoadSpec& load, std::uint64_t seed, unsigned slot, std::uint64_t step,
               std::uint64_t iterations_per_ms) {
    Rng rng = rng_for(seed, kIoStreams + slot, step);
    const double wait_us = rng.uniform(0.5, 1.5) * static_cast<double>(load.wait_us);
    const double work_us = rng.uniform(0.5, 1.5) * static_cast<double>(load.work_us);
    return {.wait = Nanos{static_cast<std::int64_t>(wait_us * 1000.0)},
            .iterations = static_cast<std::uint64_t>(
                work_us * static_cast<double>(iterations_per_ms) / 1000.0)};
}

} // namespace rustland::bench
