// SPDX-License-Identifier: GPL-2.0-only
#include "bench/stats.hpp"

#include <gtest/gtest.h>
#include <numeric>
#include <vector>

using namespace rustland::bench;

namespace {

std::vector<double> one_to(int n) {
    std::vector<double> values(static_cast<std::size_t>(n));
    std::iota(values.begin(), values.end(), 1.0);
    return values;
}

} // namespace

TEST(Percentile, IsTheNearestRank) {
    const auto hundred = one_to(100);
    EXPECT_DOUBLE_EQ(percentile(hundred, 50), 50);
    EXPECT_DOUBLE_EQ(percentile(hundred, 99), 99);
    EXPECT_DOUBLE_EQ(percentile(hundred, 100), 100);
    EXPECT_DOUBLE_EQ(percentile(hundred, 0.5), 1);
    // Of 10 values the 99th percentile is the largest: nine do not make 99 %.
    EXPECT_DOUBLE_EQ(percentile(one_to(10), 99), 10);
    EXPECT_DOUBLE_EQ(percentile(one_to(10), 90), 9);
    EXPECT_DOUBLE_EQ(percentile(one_to(10), 91), 10);
}

TEST(Percentile, DoesNotDependOnTheOrder) {
    EXPECT_DOUBLE_EQ(percentile(std::vector<double>{5, 1, 4, 2, 3}, 60), 3);
}

TEST(Percentile, OfNothingIsZeroAndOfOneIsThatOne) {
    EXPECT_DOUBLE_EQ(percentile({}, 99), 0);
    EXPECT_DOUBLE_EQ(percentile(std::vector<double>{7}, 1), 7);
}

TEST(Median, TakesTheMiddleOrTheMeanOfTheTwoInTheMiddle) {
    EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
    EXPECT_DOUBLE_EQ(median({4, 1, 2, 3}), 2.5);
    EXPECT_DOUBLE_EQ(median({}), 0);
}

TEST(FrameStats, FpsIsFramesOverTheirWholeTime) {
    // Three frames at 60 Hz and one that missed a vsync: 4 frames in 5 periods.
    const double period = 1000.0 / 60;
    const auto stats = frame_stats(std::vector<double>{period, 2 * period, period, period});
    EXPECT_EQ(stats.count, 4U);
    EXPECT_NEAR(stats.fps, 48.0, 1e-9);
    EXPECT_NEAR(stats.p50_ms, period, 1e-9);
    EXPECT_NEAR(stats.max_ms, 2 * period, 1e-9);
}

TEST(FrameStats, OnePercentLowIsTheMeanOfTheSlowestHundredth) {
    std::vector<double> times(200, 10.0); // 100 fps
    times[17] = 40.0;
    times[170] = 60.0;
    const auto stats = frame_stats(times);
    EXPECT_NEAR(stats.low1_fps, 20.0, 1e-9); // two frames of 200, 50 ms in the mean
    EXPECT_DOUBLE_EQ(stats.p99_ms, 10.0);    // 198 of 200 are not slower
}

TEST(FrameStats, OnePercentLowTakesAtLeastOneFrameAndRoundsUp) {
    EXPECT_NEAR(frame_stats(std::vector<double>{10, 20, 10}).low1_fps, 50.0, 1e-9);
    std::vector<double> times(101, 10.0); // a hundredth of 101 is more than one frame
    times[0] = 30.0;
    EXPECT_NEAR(frame_stats(times).low1_fps, 50.0, 1e-9);
}

TEST(FrameStats, OfNoFramesIsAllZero) {
    const auto stats = frame_stats({});
    EXPECT_EQ(stats.count, 0U);
    EXPECT_DOUBLE_EQ(stats.fps, 0);
    EXPECT_DOUBLE_EQ(stats.low1_fps, 0);
}

TEST(AudioStats, CountsWhatIsLateAndByHowMuch) {
    std::vector<std::int64_t> lateness(200, 0);
    lateness[3] = 1'500'000;
    lateness[4] = 2'500'000;
    lateness[199] = 500'000;
    const auto stats = audio_stats(lateness);
    EXPECT_EQ(stats.periods, 200U);
    EXPECT_EQ(stats.late, 3U);
    EXPECT_DOUBLE_EQ(stats.late_percent, 1.5);
    EXPECT_DOUBLE_EQ(stats.p99_late_ms, 0.5); // 198 of 200 are not later
    EXPECT_DOUBLE_EQ(stats.max_late_ms, 2.5);
}

TEST(AudioStats, OfNoPeriodsIsAllZero) {
    EXPECT_EQ(audio_stats({}).late, 0U);
    EXPECT_DOUBLE_EQ(audio_stats({}).late_percent, 0);
}
