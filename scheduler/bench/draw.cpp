// SPDX-License-Identifier: GPL-2.0-only
#include "bench/draw.hpp"

#include "bench/model.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

namespace rustland::bench {
namespace {

struct Range {
    unsigned low;
    unsigned high;
};

// Of games. Times in microseconds, drawn by octaves; numbers uniformly.
struct GameRanges {
    GameFamily family;
    unsigned hz;
    Range main;
    Range workers;
    Range worker;
    Range waves;
    Range jobs;
};
constexpr auto kGameRanges = std::to_array<GameRanges>({
    {GameFamily::Light, 60, {1000, 3000}, {0, 2}, {200, 1000}, {1, 1}, {1, 1}},
    {GameFamily::Heavy, 60, {4000, 12'000}, {1, 4}, {300, 2000}, {1, 2}, {1, 1}},
    {GameFamily::Jobs, 60, {1000, 6000}, {4, 16}, {300, 4000}, {1, 3}, {1, 4}},
    {GameFamily::Single, 60, {2000, 12'000}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
    {GameFamily::Fast, 144, {1000, 4000}, {0, 4}, {200, 1500}, {1, 1}, {1, 2}},
    {GameFamily::Loading, 60, {1000, 8000}, {0, 4}, {300, 2000}, {1, 1}, {1, 1}},
});
constexpr Range kAudio{100, 500};
constexpr Range kCompositor{200, 1000};
constexpr Range kSound{50, 200};
constexpr Range kPlayMs{600, 1500};
constexpr Range kLoading{100'000, 400'000};

// Of loads.
constexpr Range kSlotsPerCpu{1, 4};
constexpr Range kJob{2000, 300'000};
constexpr Range kShort{300, 2000};
constexpr Range kBurst{500, 10'000};
constexpr Range kNap{50, 5000};
constexpr Range kMessage{20, 500};
constexpr Range kTransfer{50, 1000};
constexpr Range kWait{100, 5000};
constexpr Range kSlice{500, 8000};
constexpr Range kSleepers{0, 4};

// How often each setup comes up in a record.
struct Quota {
    Setup setup;
    unsigned cells;
};
constexpr auto kQuotas = std::to_array<Quota>(
    {{Setup::OneSession, 9}, {Setup::Sessions, 7}, {Setup::AppSlice, 12}, {Setup::Cgroups, 12}});

// Streams of the generator.
constexpr std::uint64_t kOrderStream = 11;
constexpr std::uint64_t kGameStream = 12;
constexpr std::uint64_t kLoadStream = 13;

unsigned number(Rng& rng, Range range) { return rng.between(range.low, range.high); }
// 0 is not in any octave: a range from 0 holds 0 alone.
unsigned time(Rng& rng, Range range) {
    return range.high == 0 ? 0 : rng.by_octaves(range.low, range.high);
}

GameSpec draw_once(const GameRanges& ranges, Rng& rng) {
    GameSpec game{.family = ranges.family, .hz = ranges.hz};
    game.main_us = time(rng, ranges.main);
    game.workers = number(rng, ranges.workers);
    if (game.workers > 0) {
        game.worker_us = time(rng, ranges.worker);
        game.waves = number(rng, ranges.waves);
        game.jobs = number(rng, ranges.jobs);
    }
    game.audio_us = time(rng, kAudio);
    game.compositor_us = time(rng, kCompositor);
    game.sound_us = time(rng, kSound);
    if (ranges.family == GameFamily::Loading) {
        game.play_ms = number(rng, kPlayMs);
        game.loading_us = time(rng, kLoading);
    }
    return game;
}

void draw_job_times(LoadSpec& load, Rng& rng, Range range) {
    load.min_us = time(rng, range);
    load.max_us = time(rng, range);
    if (load.min_us > load.max_us)
        std::swap(load.min_us, load.max_us);
}

void draw_naps(LoadSpec& load, Rng& rng) {
    load.burst_us = time(rng, kBurst);
    load.nap_us = time(rng, kNap);
}

// Any order of the values is as likely as any other.
template <typename T> void shuffle(std::vector<T>& values, Rng& rng) {
    for (std::size_t left = values.size(); left > 1; --left)
        std::swap(values[left - 1], values[rng.below(left)]);
}

// As many of each family as of any other, or one more; which have one more is drawn.
template <typename Family> std::vector<Family> in_turn(std::span<const Family> families, Rng& rng) {
    std::vector<Family> order(families.begin(), families.end());
    shuffle(order, rng);
    std::vector<Family> all;
    for (unsigned i = 0; i < kDrawnCells; ++i)
        all.push_back(order[i % order.size()]);
    shuffle(all, rng);
    return all;
}

std::vector<Setup> shuffled_setups(Rng& rng) {
    std::vector<Setup> all;
    for (const Quota& quota : kQuotas)
        all.insert(all.end(), quota.cells, quota.setup);
    shuffle(all, rng);
    return all;
}

// Gives each load that is undefined in its setup the setup of another cell, in which it is defined;
// every load is defined in the setup that the other one gets for it.
void mend_undefined(std::vector<Setup>& setups, const std::vector<LoadFamily>& loads) {
    const auto undefined = [&](std::size_t load, std::size_t setup) {
        return !undefined_because(loads[load], setups[setup]).empty();
    };
    for (std::size_t i = 0; i < loads.size(); ++i) {
        if (!undefined(i, i))
            continue;
        std::size_t other = 0;
        while (undefined(i, other) || undefined(other, i))
            ++other; // there is one: the quotas leave more setups than such loads need
        std::swap(setups[i], setups[other]);
    }
}

} // namespace

unsigned demand_percent(const GameSpec& game) {
    const std::uint64_t frame = std::uint64_t{game.main_us} +
                                std::uint64_t{game.workers} * game.worker_us + game.compositor_us;
    const std::uint64_t period = std::uint64_t{game.audio_us} + game.sound_us;
    const std::uint64_t per_second =
        frame * game.hz + period * kAudioRateHz / static_cast<std::uint64_t>(kAudioSamples);
    return static_cast<unsigned>((per_second + 9999) / 10'000);
}

unsigned longest_path_us(const GameSpec& game, unsigned cpus) {
    std::uint64_t path = game.main_us;
    if (game.waves > 0) {
        const std::uint64_t at_once = std::min(game.workers, cpus);
        const std::uint64_t rounds =
            (std::uint64_t{game.workers} * game.jobs + at_once - 1) / at_once;
        path += rounds * game.worker_us / game.jobs;
    }
    // kFrameSpread in whole numbers; the compositor does not vary.
    static_assert(kFrameSpread == 0.15);
    return static_cast<unsigned>(path * 115 / 100) + game.compositor_us;
}

bool holds_its_rate_alone(const GameSpec& game, unsigned cpus) {
    return demand_percent(game) <= kAlonePercent * cpus &&
           std::uint64_t{longest_path_us(game, cpus)} * game.hz <=
               std::uint64_t{kPathPercent} * 10'000;
}

GameSpec draw_game(GameFamily family, unsigned cpus, Rng& rng) {
    const auto ranges = std::find_if(kGameRanges.begin(), kGameRanges.end(),
                                     [&](const GameRanges& r) { return r.family == family; });
    assert(ranges != kGameRanges.end());
    GameSpec game;
    do {
        game = draw_once(*ranges, rng);
    } while (!holds_its_rate_alone(game, cpus));
    return game;
}

LoadSpec draw_load(LoadFamily family, unsigned cpus, Rng& rng) {
    LoadSpec load{.family = family,
                  .slots = std::min(rng.between(kSlotsPerCpu.low * cpus, kSlotsPerCpu.high * cpus),
                                    kMaxSlots)};
    switch (family) {
    case LoadFamily::None:
        return {};
    case LoadFamily::Compile: // without naps: "naps" has them
        draw_job_times(load, rng, kJob);
        load.burst_us = time(rng, kBurst);
        break;
    case LoadFamily::Naps:
        draw_job_times(load, rng, kJob);
        draw_naps(load, rng);
        break;
    case LoadFamily::Mixed:
        draw_job_times(load, rng, kJob);
        draw_naps(load, rng);
        load.sleepers = number(rng, kSleepers);
        break;
    case LoadFamily::Storm:
        draw_job_times(load, rng, kShort);
        break;
    case LoadFamily::Shader:
        draw_job_times(load, rng, kJob);
        break;
    case LoadFamily::Hog:
        break;
    case LoadFamily::NapHog:
        draw_naps(load, rng);
        break;
    case LoadFamily::Pipe:
        load.work_us = time(rng, kMessage);
        break;
    case LoadFamily::Io:
        load.work_us = time(rng, kTransfer);
        load.wait_us = time(rng, kWait);
        break;
    case LoadFamily::Encoder:
        load.work_us = time(rng, kSlice);
        break;
    }
    return load;
}

std::vector<Cell> draw_cells(std::uint64_t seed, unsigned cpus) {
    Rng order = rng_for(seed, kOrderStream, 0);
    const auto games = in_turn(game_families(), order);
    const auto loads = in_turn(load_families(), order);
    auto setups = shuffled_setups(order);
    mend_undefined(setups, loads);
    std::vector<Cell> cells;
    for (unsigned i = 0; i < kDrawnCells; ++i) {
        Rng game = rng_for(seed, kGameStream, i);
        Rng load = rng_for(seed, kLoadStream, i);
        cells.push_back(
            {draw_game(games[i], cpus, game), draw_load(loads[i], cpus, load), setups[i]});
    }
    return cells;
}

} // namespace rustland::bench
