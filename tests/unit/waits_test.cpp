// SPDX-License-Identifier: GPL-2.0-only
#include "stats.hpp"
#include "supervisor/ctl/wait_view.hpp"
#include "support/screen_text.hpp"
#include "waits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Waits sample() {
    rl_waits counted{};
    counted.of[RL_CLASS_FOREGROUND].count[1] = 60;
    counted.of[RL_CLASS_FOREGROUND].count[4] = 38;
    counted.of[RL_CLASS_FOREGROUND].count[12] = 2;
    counted.of[RL_CLASS_FOREGROUND].sum_ns = 1'500'000'000;
    counted.of[RL_CLASS_BACKGROUND].count[RL_WAIT_BUCKETS - 1] = 1;
    return waits_of(counted);
}

} // namespace

TEST(Waits, BucketsDouble) {
    EXPECT_EQ(wait_limit(0), micros(2));
    EXPECT_EQ(wait_limit(1), micros(4));
    EXPECT_EQ(wait_limit(RL_WAIT_BUCKETS - 2), micros(524'288));
    EXPECT_FALSE(wait_limit(RL_WAIT_BUCKETS - 1)) << "all that are longer";
}

TEST(Waits, EachClassIsShownOnceUnderItsOwnFigures) {
    const Waits waits = sample();
    EXPECT_STREQ(wait_classes()[0].name, "foreground");
    EXPECT_EQ(waits[0].count(), 100U);
    EXPECT_EQ(waits[0].sum, millis(1500));
    EXPECT_EQ(waits[1].count(), 0U);
    EXPECT_STREQ(wait_classes()[2].name, "background");
    EXPECT_EQ(waits[2].count(), 1U);
}

TEST(Waits, QuantilesAreBuckets) {
    const WaitHistogram foreground = sample()[0];
    EXPECT_EQ(foreground.quantile(0.5), 1U);
    EXPECT_EQ(foreground.quantile(0.6), 1U);
    EXPECT_EQ(foreground.quantile(0.61), 4U);
    EXPECT_EQ(foreground.quantile(0.98), 4U);
    EXPECT_EQ(foreground.quantile(0.99), 12U);
    EXPECT_EQ(foreground.quantile(1), 12U);
    EXPECT_FALSE(sample()[1].quantile(0.5)) << "of nothing there is none";
}

TEST(Waits, BetweenTwoMoments) {
    Waits now = sample();
    now[0].counts[1] += 5;
    now[0].sum = now[0].sum + millis(2);
    const Waits grown = waits_between(sample(), now);
    EXPECT_EQ(grown[0].count(), 5U);
    EXPECT_EQ(grown[0].counts[1], 5U);
    EXPECT_EQ(grown[0].sum, millis(2));
    EXPECT_EQ(waits_between(now, sample())[0].count(), 0U) << "another run: not below nothing";
}

TEST(Waits, JsonGoesThereAndBack) {
    const auto json = to_json(sample());
    EXPECT_EQ(json["limits_us"].size(), std::size_t{RL_WAIT_BUCKETS} - 1);
    EXPECT_EQ(json["limits_us"][18], 524'288);
    EXPECT_EQ(json["foreground"]["seconds"], 1.5);
    const auto back = waits_from_json(json);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, sample());
}

TEST(Waits, JsonFromTheLastTimeIsReplacedWhole) {
    auto json = to_json(Waits{});
    update_json(json, sample());
    EXPECT_EQ(json, to_json(sample()));
}

TEST(Waits, JsonOfAnotherVersionIsNotKnownAndNonsenseIsRefused) {
    auto other = to_json(sample());
    other["limits_us"][0] = 3;
    const auto unknown = waits_from_json(other);
    ASSERT_TRUE(unknown);
    EXPECT_FALSE(*unknown);
    for (const char* broken : {"counts", "seconds"}) {
        auto json = to_json(sample());
        json["normal"][broken] = "x";
        EXPECT_FALSE(waits_from_json(json)) << broken;
    }
    auto few = to_json(sample());
    few["normal"]["counts"] = {1, 2};
    EXPECT_FALSE(waits_from_json(few));
    auto missing = to_json(sample());
    missing.erase("normal");
    EXPECT_FALSE(waits_from_json(missing));
    EXPECT_FALSE(waits_from_json(7));
}

TEST(Waits, HelpNamesEveryClass) {
    const std::string help = help_stats_text();
    for (const WaitClass& one : wait_classes())
        EXPECT_THAT(help, HasSubstr(std::string("  ") + one.name + " "));
    EXPECT_THAT(help, HasSubstr("the last of the 20 holds all from 524 ms on"));
}

TEST(WaitView, BarsGrowFromTheBottomAndNothingCountedIsHidden) {
    WaitHistogram waits;
    waits.counts[0] = 900;
    waits.counts[1] = 300;
    waits.counts[2] = 1;
    const auto bars = wait_bars(waits, 900, 3);
    ASSERT_EQ(bars.size(), 3U);
    EXPECT_EQ(bars[0].substr(0, 4), "|   ");
    EXPECT_EQ(bars[1].substr(0, 4), "|   ");
    EXPECT_EQ(bars[2].substr(0, 4), "||. ");
    EXPECT_THAT(wait_bars(waits, 900, 1), ElementsAre("|..                 "));
    EXPECT_THAT(wait_bars({}, 0, 1), ElementsAre(std::string(RL_WAIT_BUCKETS, ' ')));
}

TEST(WaitView, SaysWhatHalfAndNearlyAllStayedBelow) {
    const std::string all = text(wait_lines(sample(), 2, 1));
    EXPECT_THAT(all, HasSubstr("foreground       50      < 4 us    < 8.2 ms    < 8.2 ms "
                               "| |  :       .       |\n"));
    EXPECT_THAT(all, HasSubstr("background        0 >= 524.3 ms >= 524.3 ms >= 524.3 ms "));
    EXPECT_THAT(all, HasSubstr("normal            0           -           -           - "));
    std::string line;
    for (std::istringstream lines(all); std::getline(lines, line);)
        EXPECT_LE(line.size(), 80U) << line;
    EXPECT_THAT(text(wait_lines(std::nullopt, 0, 3)),
                HasSubstr("foreground        -           -           -           - |"));
}
