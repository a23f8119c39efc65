// SPDX-License-Identifier: GPL-2.0-only
#include "bench/frame_plan.hpp"

#include "bench/model.hpp"
#include "bench/rng.hpp"

#include <algorithm>
#include <numeric>

namespace rustland::bench {
namespace {

// A stream of its own, so that a longer frame does not shift the jobs' durations.
constexpr std::uint64_t kFrameStream = 1;

} // namespace

std::uint64_t FramePlan::total() const {
    std::uint64_t sum = std::accumulate(main.begin(), main.end(), std::uint64_t{0});
    for (const auto& wave : jobs)
        sum = std::accumulate(wave.begin(), wave.end(), sum);
    return sum;
}

unsigned main_part_us(const GameSpec& game, unsigned part) {
    if (game.waves == 0)
        return game.main_us;
    return game.main_us * (part == 0 ? 2 : 1) / (game.waves + 2);
}

unsigned job_us(const GameSpec& game) {
    return game.waves == 0 ? 0 : game.worker_us / (game.waves * game.jobs);
}

FramePlan plan_frame(const GameSpec& game, std::uint64_t seed, std::uint64_t frame,
                     std::uint64_t iterations_per_ms) {
    Rng rng = rng_for(seed, kFrameStream, frame);
    const auto part = [&](unsigned micros) {
        const double factor = rng.uniform(1.0 - kFrameSpread, 1.0 + kFrameSpread);
        return static_cast<std::uint64_t>(
            factor * static_cast<double>(iterations_for(micros, iterations_per_ms)));
    };
    FramePlan plan;
    plan.waves = game.waves;
    plan.jobs_per_wave = game.workers * game.jobs;
    plan.main[0] = part(main_part_us(game, 0));
    for (unsigned wave = 0; wave < game.waves; ++wave) {
        for (unsigned job = 0; job < plan.jobs_per_wave; ++job)
            plan.jobs[wave][job] = part(job_us(game));
        plan.main[wave + 1] = part(main_part_us(game, wave + 1));
    }
    return plan;
}

} // namespace rustland::bench
