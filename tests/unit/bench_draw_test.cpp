// SPDX-License-Identifier: GPL-2.0-only
#include "bench/draw.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>

using namespace rustland::bench;

namespace {

constexpr unsigned kCpus = 4;

// Seeds that differ in one bit, in all, and in nothing but their size.
std::vector<std::uint64_t> many_seeds() {
    std::vector<std::uint64_t> seeds{0, 0xFFFFFFFF};
    for (std::uint64_t bit = 0; bit < 32; ++bit)
        seeds.push_back(std::uint64_t{1} << bit);
    Rng rng(42);
    for (int i = 0; i < 300; ++i)
        seeds.push_back(rng.next() >> 32);
    return seeds;
}

template <typename Get> auto counted(const std::vector<Cell>& cells, Get get) {
    std::map<decltype(get(cells[0])), unsigned> counts;
    for (const Cell& cell : cells)
        ++counts[get(cell)];
    return counts;
}

} // namespace

TEST(Rng, ItsSequenceIsFixed) {
    Rng rng(1);
    EXPECT_EQ(rng.next(), 0x910A2DEC89025CC1ULL); // SplitMix64's published first value of seed 1
    Rng octaves(7);
    std::map<unsigned, unsigned> seen;
    for (int i = 0; i < 3000; ++i) {
        const unsigned value = octaves.by_octaves(100, 750);
        ASSERT_GE(value, 100U);
        ASSERT_LE(value, 750U);
        ++seen[value < 200 ? 0 : value < 400 ? 1 : 2];
    }
    for (const auto& [octave, count] : seen)
        EXPECT_NEAR(count, 1000, 120) << octave;
    EXPECT_EQ(octaves.by_octaves(5, 5), 5U);
    EXPECT_EQ(octaves.between(3, 3), 3U);
}

TEST(Draw, EachGameLoadAndSetupComesUpThreeTimesWhateverTheSeed) {
    for (const std::uint64_t seed : many_seeds()) {
        const auto cells = draw_cells(seed, kCpus);
        ASSERT_EQ(cells.size(), kDrawnCells);
        const auto games = counted(cells, [](const Cell& c) { return c.game.family; });
        const auto loads = counted(cells, [](const Cell& c) { return c.load.family; });
        const auto places = counted(cells, [](const Cell& c) { return c.setup; });
        EXPECT_EQ(games.size(), game_families().size()) << seed;
        EXPECT_EQ(loads.size(), load_families().size()) << seed;
        EXPECT_EQ(places.size(), setups().size()) << seed;
        for (const auto& [game, count] : games)
            EXPECT_GE(count, 3U) << to_string(game) << ", seed " << seed;
        for (const auto& [load, count] : loads)
            EXPECT_GE(count, 3U) << to_string(load) << ", seed " << seed;
        for (const auto& [setup, count] : places)
            EXPECT_GE(count, 3U) << to_string(setup) << ", seed " << seed;
        // The setups lean towards control groups.
        EXPECT_GT(places.at(Setup::AppSlice) + places.at(Setup::Cgroups), kDrawnCells / 2);
        for (const Cell& cell : cells)
            EXPECT_EQ(undefined_because(cell.load.family, cell.setup), "") << seed;
    }
}

TEST(Draw, EachCellCanBeNamedAndHoldsItsRateAlone) {
    for (const unsigned cpus : {1U, 2U, kCpus, 16U, 256U}) {
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            for (const Cell& cell : draw_cells(seed, cpus)) {
                const auto read = parse_cell(to_string(cell));
                ASSERT_TRUE(read) << read.error().message();
                EXPECT_EQ(*read, cell);
                EXPECT_LE(demand_percent(cell.game), kAlonePercent * cpus) << to_string(cell);
                EXPECT_LE(longest_path_us(cell.game, cpus) * cell.game.hz, 900'000U)
                    << to_string(cell);
            }
        }
    }
}

TEST(Draw, CoversTheRangesThatItStates) {
    unsigned shortest = 1000000;
    unsigned longest = 0;
    unsigned most_workers = 0;
    unsigned shortest_job = 1000000;
    unsigned longest_job = 0;
    unsigned longest_nap = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        for (const Cell& cell : draw_cells(seed, kCpus)) {
            shortest = std::min(shortest, cell.game.main_us);
            longest = std::max(longest, cell.game.main_us);
            most_workers = std::max(most_workers, cell.game.workers);
            longest_nap = std::max(longest_nap, cell.load.nap_us);
            if (cell.load.max_us == 0)
                continue;
            shortest_job = std::min(shortest_job, cell.load.min_us);
            longest_job = std::max(longest_job, cell.load.max_us);
        }
    }
    EXPECT_LT(shortest, 1050U);
    EXPECT_GT(longest, 11'000U);
    EXPECT_LE(longest, 12'000U);
    EXPECT_EQ(most_workers, kMaxGameWorkers);
    EXPECT_LT(shortest_job, 320U);
    EXPECT_GT(longest_job, 280'000U);
    EXPECT_LE(longest_job, 300'000U);
    EXPECT_GT(longest_nap, 4700U);
    EXPECT_LE(longest_nap, 5000U);
}

TEST(Draw, IsTheSameOnEachMachine) {
    // A change here changes what the seed of every record means.
    EXPECT_EQ(to_string(draw_cells(1, kCpus)[0]),
              "jobs,hz=60,main=1.967,workers=5,worker=1.862,waves=1,jobs=1,audio=0.369,"
              "compositor=0.824,sound=0.096/hog:12@cgroups");
    EXPECT_NE(draw_cells(1, kCpus), draw_cells(2, kCpus));
}

TEST(Draw, LongestPathIsThatOfTheCpusThatThereAre) {
    const GameSpec game{.main_us = 2000,
                        .workers = 4,
                        .worker_us = 1000,
                        .waves = 2,
                        .jobs = 1,
                        .compositor_us = 500};
    // Two waves, each of 4 jobs of 0.5 ms; 15 % above the mean, but for the compositor.
    EXPECT_EQ(longest_path_us(game, 4), (2000 + 1000) * 115 / 100 + 500U);
    EXPECT_EQ(longest_path_us(game, 2), (2000 + 2000) * 115 / 100 + 500U);
    EXPECT_EQ(longest_path_us(game, 1), (2000 + 4000) * 115 / 100 + 500U);
    EXPECT_EQ(demand_percent(game), 39U); // 6.5 ms 60 times a second
}
