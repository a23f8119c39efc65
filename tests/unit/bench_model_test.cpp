// SPDX-License-Identifier: GPL-2.0-only
#include "bench/frame_plan.hpp"
#include "bench/game_record.hpp"
#include "bench/model.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

using namespace rustland;
using namespace rustland::bench;

namespace {

constexpr std::uint64_t kRate = 31250;

double nominal(std::int64_t micros) { return static_cast<double>(iterations_for(micros, kRate)); }

GameConfig lasting(Nanos time) {
    GameConfig config;
    config.warmup = time;
    config.duration = time;
    return config;
}

} // namespace

TEST(Scenario, IsReadAndNamed) {
    const auto build = parse_scenario("build:8");
    ASSERT_TRUE(build);
    EXPECT_EQ(*build, (Scenario{.load = LoadKind::Build, .slots = 8}));
    EXPECT_EQ(to_string(*build), "build x8");
    const auto killed = parse_scenario("hog:16:kill");
    ASSERT_TRUE(killed);
    EXPECT_EQ(*killed, (Scenario{.load = LoadKind::Hog, .slots = 16, .fault = Fault::Kill}));
    EXPECT_EQ(to_string(*killed), "hog x16 kill");
    EXPECT_EQ(to_string(*parse_scenario("build:2:stop")), "build x2 stop");
    const auto none = parse_scenario("none");
    ASSERT_TRUE(none);
    EXPECT_EQ(to_string(*none), "alone");
}

TEST(Scenario, RefusesWhatItDoesNotUnderstandAndSaysWhatToWrite) {
    for (const char* text : {"build", "build:", "build:0", "build:1025", "build:-1", "build:8x",
                             "build:8:9", "build:8:", "build::kill", "build:8:kill:stop",
                             "none:kill", "none:1", "", ":", "compile:3", "BUILD:3"}) {
        const auto scenario = parse_scenario(text);
        ASSERT_FALSE(scenario) << text;
        EXPECT_NE(scenario.error().message().find('\''), std::string::npos) << text;
    }
    EXPECT_NE(parse_scenario("build").error().message().find("build:8"), std::string::npos);
    EXPECT_NE(parse_scenario("foo:1").error().message().find("build, hog, mixed or none"),
              std::string::npos);
}

TEST(Scenario, MixedIsHalfBuildHalfHogsAndAFewSleepers) {
    const auto shape = shape_of({.load = LoadKind::Mixed, .slots = 16});
    EXPECT_EQ(shape.build_slots, 8U);
    EXPECT_EQ(shape.hogs, 8U);
    EXPECT_EQ(shape.sleepers, 2U);
    EXPECT_EQ(shape.total(), 18U);
    const auto odd = shape_of({.load = LoadKind::Mixed, .slots = 1});
    EXPECT_EQ(odd.build_slots + odd.hogs, 1U);
    EXPECT_EQ(odd.sleepers, 1U);
    EXPECT_EQ(shape_of({}).total(), 0U);
    EXPECT_EQ(shape_of({.load = LoadKind::Hog, .slots = 5}).hogs, 5U);
}

TEST(FramePlan, StaysWithinItsSpreadAndVaries) {
    bool differs = false;
    const GameSpec game = model_game();
    const auto first = plan_frame(game, 1, 0, kRate);
    for (std::uint64_t frame = 0; frame < 1000; ++frame) {
        const auto plan = plan_frame(game, 1, frame, kRate);
        const auto within = [](std::uint64_t work, std::int64_t micros) {
            return static_cast<double>(work) >= nominal(micros) * (1 - kFrameSpread) - 1 &&
                   static_cast<double>(work) <= nominal(micros) * (1 + kFrameSpread);
        };
        ASSERT_EQ(plan.waves, 1U);
        ASSERT_EQ(plan.jobs_per_wave, kWorkers);
        EXPECT_TRUE(within(plan.main[0], kLogicMicros));
        EXPECT_TRUE(within(plan.main[1], kSubmitMicros));
        for (unsigned job = 0; job < plan.jobs_per_wave; ++job)
            EXPECT_TRUE(within(plan.jobs[0][job], kWorkerMicros));
        differs = differs || plan.main[0] != first.main[0];
    }
    EXPECT_TRUE(differs);
}

TEST(FramePlan, HoldsWhatTheGameSaysWhateverItIsDividedInto) {
    for (const GameFamily family : game_families()) {
        const GameSpec game = default_game(family);
        double sum = 0;
        constexpr int kFrames = 400;
        for (std::uint64_t frame = 0; frame < kFrames; ++frame)
            sum += static_cast<double>(plan_frame(game, 3, frame, kRate).total());
        const double wanted =
            nominal(std::int64_t{game.main_us} + std::int64_t{game.workers} * game.worker_us);
        EXPECT_NEAR(sum / kFrames / wanted, 1.0, 0.02) << to_string(family);
    }
}

TEST(JobPlan, IsTheSameForTheSameSeedAndAnotherForAnother) {
    const auto a = plan_job(1, 7, kRate);
    const auto b = plan_job(1, 7, kRate);
    EXPECT_EQ(a.total(), b.total());
    EXPECT_EQ(a.disk_waits, b.disk_waits);
    int same = 0;
    for (std::uint64_t job = 0; job < 100; ++job)
        same += plan_job(1, job, kRate).total() == plan_job(2, job, kRate).total() ? 1 : 0;
    EXPECT_LT(same, 3);
}

TEST(JobPlan, TakesFromTwentyToThreeHundredMilliseconds) {
    double sum = 0;
    double smallest = 1e9;
    double largest = 0;
    constexpr int kJobs = 5000;
    for (std::uint64_t job = 0; job < kJobs; ++job) {
        const auto plan = plan_job(3, job, kRate);
        const double ms = static_cast<double>(plan.total()) / static_cast<double>(kRate);
        sum += ms;
        smallest = std::min(smallest, ms);
        largest = std::max(largest, ms);
        EXPECT_GT(plan.source_chunks, 0U);
        EXPECT_GT(plan.memory_pages, 0U);
    }
    EXPECT_GE(smallest, kJobMinMs - 0.1);
    EXPECT_LE(smallest, kJobMinMs * 1.1);
    EXPECT_LE(largest, kJobMaxMs);
    EXPECT_GE(largest, kJobMaxMs * 0.9);
    EXPECT_NEAR(sum / kJobs, 103.4, 4.0); // (300 - 20) / ln(300 / 20)
}

TEST(VsyncGrid, FindsTheFirstBoundaryAtOrAfter) {
    const VsyncGrid grid(Nanos{1000});
    EXPECT_EQ(grid.boundary(0).value, 1000);
    EXPECT_EQ(grid.boundary(60).value, 1'000'001'000); // no rounding error adds up
    EXPECT_EQ(grid.at_or_after(Nanos{1000}).value, 1000);
    EXPECT_EQ(grid.at_or_after(Nanos{1001}), grid.boundary(1));
    for (std::int64_t k = 1; k < 500; ++k) {
        EXPECT_EQ(grid.at_or_after(grid.boundary(k)), grid.boundary(k));
        EXPECT_EQ(grid.at_or_after(grid.boundary(k) + Nanos{1}), grid.boundary(k + 1));
        EXPECT_EQ(grid.at_or_after(grid.boundary(k) - Nanos{1}), grid.boundary(k));
    }
}

TEST(VsyncGrid, HasTheRateOfItsScreen) {
    const VsyncGrid grid(Nanos{0}, 144);
    EXPECT_EQ(grid.boundary(144).value, 1'000'000'000);
    EXPECT_EQ(grid.at_or_after(millis(7)), grid.boundary(2));
}

TEST(AudioClock, HasThreePeriodsInSixteenMilliseconds) {
    const AudioClock clock(Nanos{5});
    EXPECT_EQ(clock.start(0).value, 5);
    EXPECT_EQ(clock.start(3).value, 16'000'005);
    EXPECT_EQ(clock.end(2), clock.start(3));
    EXPECT_EQ(clock.start(187'500).value, 1'000'000'000'005);
}

TEST(GameRecord, ReturnsTheAudioPeriodsThatStartInsideTheWindow) {
    auto record = GameRecord::create(lasting(millis(100)));
    ASSERT_TRUE(record);
    record->touch();
    auto& window = record->window();
    window.origin = Nanos{0};
    const AudioClock clock(window.origin);
    window.start = clock.start(3);
    window.end = clock.start(6);
    for (std::int64_t period = 0; period < 10; ++period)
        record->add_audio_period(period, Nanos{period * 100});
    const auto lateness = record->audio_lateness();
    EXPECT_EQ(std::vector<std::int64_t>(lateness.begin(), lateness.end()),
              (std::vector<std::int64_t>{300, 400, 500}));

    record->add_frame(millis(17));
    record->add_frame(millis(33));
    ASSERT_EQ(record->frame_times().size(), 2U);
    EXPECT_EQ(record->frame_times()[1], 33'000'000);
    EXPECT_EQ(record->dropped(), 0U);
}

TEST(GameRecord, CountsWhatFindsNoRoom) {
    auto record = GameRecord::create(lasting(Nanos{}));
    ASSERT_TRUE(record);
    record->add_audio_period(1'000'000, Nanos{});
    EXPECT_EQ(record->dropped(), 1U);
    for (int i = 0; i < 1'000'000 && record->dropped() == 1; ++i)
        record->add_frame(millis(1));
    EXPECT_EQ(record->dropped(), 2U);
}
