// SPDX-License-Identifier: GPL-2.0-only
// The clocks of the fair shares: that they keep step where their pace is hard to tell, and what
// becomes of a lag when a task changes its clock.
#include "rustland/testing/fair_shares.hpp"

#include "fair_math.h"
#include "support/deadline_machine.hpp"

#include <gtest/gtest.h>
#include <map>

using namespace rustland;
using namespace rustland::testing;
using namespace rustland::test;

// Deadlines are cut where tasks deserve next to nothing by their weight, and the clock is not to
// jump when such a task comes first. Where only such tasks compute, it must not come to a stop for
// that: weights would not count any more.
TEST(ClockPace, KeepsStepWithTasksThatDeserveNextToNothingByTheirWeight) {
    constexpr int kGroup = 1;
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        DeadlineMachine sim = deadline_machine(cpus);
        sim.kernel.set_group_weight(kGroup, 1);
        TaskSpec light = hog(100);
        TaskSpec heavy = hog(300);
        light.group = heavy.group = kGroup;
        const auto lights = spawn(sim, static_cast<int>(3 * cpus), light);
        const auto heavies = spawn(sim, static_cast<int>(3 * cpus), heavy);
        spawn(sim, static_cast<int>(10 * cpus), periodic(micros(20), millis(1)));
        sim.run_for(seconds(3));
        const double lights_before = sum_of(sim, lights);
        const double heavies_before = sum_of(sim, heavies);
        sim.run_for(seconds(10));
        EXPECT_NEAR((sum_of(sim, heavies) - heavies_before) / (sum_of(sim, lights) - lights_before),
                    3.0, 0.3)
            << cpus << " CPUs";
    }
}

// By the formula of docs/scheduling.md, and within what the arithmetic of 64 bits can hold.
TEST(ClockPace, ThePaceOfTheServiceIsWhatTasksGotByWhatTheyDeserve) {
    const auto pace = [](Nanos used, Nanos round, std::uint64_t flat) {
        return rl_pace_of_service(static_cast<std::uint64_t>(used.value),
                                  rl_weight_time(flat, static_cast<std::uint64_t>(round.value)),
                                  RL_PACE_ONE);
    };
    EXPECT_NEAR(static_cast<double>(pace(millis(10), millis(40), RL_FLAT_ONE)), RL_PACE_ONE / 4.0,
                1);
    EXPECT_NEAR(static_cast<double>(pace(millis(10), millis(40), RL_FLAT_ONE / 100)),
                RL_PACE_ONE * 25.0, 30);
    EXPECT_EQ(pace(millis(10), millis(40), 0), 2 * RL_PACE_ONE) << "nobody tells it";
    EXPECT_EQ(pace(seconds(1), millis(40), 16), RL_PACE_MAX);
    EXPECT_EQ(rl_aged_push_limit(RL_PACE_MAX, 1'000'000'000'000ULL, 0),
              RL_PACE_SPAN_MAX_NS * (RL_PACE_MAX / RL_PACE_ONE));
    EXPECT_EQ(rl_aged_push_limit(RL_PACE_ONE, 20'000'000, 30'000'000), 0U);
    EXPECT_FALSE(rl_had_to_wait(20'000'000, 20'000'000));
    EXPECT_TRUE(rl_had_to_wait(20'000'000, 40'000'000));
    EXPECT_FALSE(rl_had_to_wait(20'000'000, RL_ROUND_MAX_NS + 1));
}

// A cache by itself is fair to those that are in it, and which tasks those are is chance.
TEST(ClockPace, SharesHoldAcrossCaches) {
    for (const std::size_t caches : {2U, 4U}) {
        DeadlineMachine sim = deadline_machine(8, 8 / caches);
        TaskSpec low = hog();
        TaskSpec high = hog();
        low.group = 1;
        high.group = 2;
        sim.kernel.set_group_weight(1, 100);
        sim.kernel.set_group_weight(2, 300);
        const auto lows = spawn(sim, 13, low);
        const auto highs = spawn(sim, 11, high);
        sim.run_for(seconds(2));
        std::map<Pid, double> before;
        for (const auto* pids : {&lows, &highs}) {
            for (const Pid pid : *pids)
                before[pid] = seconds_of(sim, pid);
        }
        sim.run_for(seconds(10));
        for (const Pid pid : lows)
            EXPECT_NEAR(seconds_of(sim, pid) - before[pid], 20.0 / 13, 0.15) << caches;
        for (const Pid pid : highs)
            EXPECT_NEAR(seconds_of(sim, pid) - before[pid], 60.0 / 11, 0.5) << caches;
    }
}

// What a task is owed is owed by those that share its clock: by nobody of the clock that it changes
// to.
TEST(ClockPace, ATaskTakesItsDebtToAnotherClockAndNotWhatItIsOwed) {
    FairShares shares;
    FairAccount account;
    shares.enter(account, 0);
    shares.runnable(account, 0);
    account.lag = millis(3);
    shares.runnable(account, 0);
    EXPECT_EQ(account.lag, millis(3)) << "the same clock";
    shares.runnable(account, 1);
    EXPECT_EQ(account.lag, Nanos{});
    account.lag = Nanos{} - millis(3);
    shares.runnable(account, 0);
    EXPECT_EQ(account.lag, Nanos{} - millis(3));
}
