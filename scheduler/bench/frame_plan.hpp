// SPDX-License-Identifier: GPL-2.0-only
// What one frame costs, as a pure function of the game, the seed and the speed of the machine.
#pragma once

#include "bench/model.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace rustland::bench {

// Work in iterations; each part takes 1 - kFrameSpread to 1 + kFrameSpread times its mean. The main
// thread does main[0], hands out wave 0, does main[1] once all jobs of the wave are done, and so
// on; main[waves] is the last part.
struct FramePlan {
    unsigned waves = 0;
    unsigned jobs_per_wave = 0;
    std::array<std::uint64_t, kMaxWaves + 1> main{};
    std::array<std::array<std::uint64_t, std::size_t{kMaxGameWorkers} * kMaxJobsPerWorker>,
               kMaxWaves>
        jobs{};
    [[nodiscard]] std::uint64_t total() const;
};
FramePlan plan_frame(const GameSpec& game, std::uint64_t seed, std::uint64_t frame,
                     std::uint64_t iterations_per_ms);

// The mean time of part `part` of the main thread, in microseconds: the first is twice as long as
// each of the others.
unsigned main_part_us(const GameSpec& game, unsigned part);
// The mean time of one job.
unsigned job_us(const GameSpec& game);

} // namespace rustland::bench
