// SPDX-License-Identifier: GPL-2.0-only
// The deadline policy on a simulated machine: what tasks get over time.
#include "support/deadline_machine.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

using namespace rustland;
using namespace rustland::testing;
using namespace rustland::test;

TEST(DeadlineBehaviour, EqualHogsGetEqualShares) {
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        for (const int hogs : {2, 3, 5, 8, 17}) {
            DeadlineMachine sim = deadline_machine(cpus);
            const auto pids = spawn(sim, hogs, hog());
            sim.run_for(seconds(5));
            const double fair = std::min(5.0, 5.0 * cpus / hogs);
            for (const Pid pid : pids)
                EXPECT_NEAR(seconds_of(sim, pid), fair, fair * 0.05)
                    << hogs << " hogs on " << cpus << " CPUs";
        }
    }
}

TEST(DeadlineBehaviour, WeightsDivideTheCpu) {
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        DeadlineMachine sim = deadline_machine(cpus);
        const int each = static_cast<int>(2 * cpus);
        const auto light = spawn(sim, each, hog(100));
        const auto heavy = spawn(sim, each, hog(300));
        sim.run_for(seconds(10));
        const double ratio = sum_of(sim, heavy) / sum_of(sim, light);
        EXPECT_NEAR(ratio, 3.0, 0.15) << cpus << " CPUs";
    }
}

TEST(DeadlineBehaviour, ANice19TaskGetsItsShareInSlicesOfUse) {
    const DeadlineParams params = params_for(1);
    DeadlineMachine sim = deadline_machine(1);
    const Pid nice = sim.kernel.spawn(hog(1));
    const auto others = spawn(sim, 4, hog(100));
    Nanos shortest = seconds(1);
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == nice)
            shortest = std::min(shortest, start.slice);
    };
    sim.run_for(seconds(20));
    EXPECT_GE(seconds_of(sim, nice), 20.0 * 1 / 401);
    EXPECT_LE(seconds_of(sim, nice), 20.0 * 0.05) << "and not much more";
    EXPECT_GE(shortest, params.slice_min);
    for (const Pid pid : others)
        EXPECT_GT(seconds_of(sim, pid), 20.0 * 0.2);
}

// A quarter of a CPU at 60 Hz: it keeps its rate as long as an equal share allows that, and gets
// the whole of an equal share where it does not.
TEST(DeadlineBehaviour, AFrameLoopGetsWhatItWantsUpToItsShare) {
    for (const int hogs : {2, 5, 8, 32}) {
        DeadlineMachine sim = deadline_machine(2);
        spawn(sim, hogs, hog());
        const Pid game = sim.kernel.spawn(periodic(millis(4), micros(12'667)));
        sim.run_for(seconds(2)); // until it is known for what it is
        const double before = seconds_of(sim, game);
        Nanos longest;
        sim.kernel.on_start = [&](const Start& start) {
            if (start.pid == game)
                longest = std::max(longest, start.waited);
        };
        sim.run_for(seconds(5));
        const double wanted = 5 * 0.24;
        const double share = 5 * 2.0 / (hogs + 1);
        EXPECT_GT(seconds_of(sim, game) - before, 0.85 * std::min(wanted, share))
            << hogs << " hogs";
        if (share > 1.2 * wanted) {
            EXPECT_LT(longest, millis(10)) << hogs << " hogs, " << longest.value << " ns";
        }
    }
}

TEST(DeadlineBehaviour, AShortSleeperRunsAtOnceHoweverManyHogsThereAre) {
    DeadlineMachine sim = deadline_machine(2);
    spawn(sim, 24, hog());
    const Pid audio = sim.kernel.spawn(periodic(micros(200), micros(5130)));
    sim.run_for(seconds(1));
    Nanos longest;
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == audio)
            longest = std::max(longest, start.waited);
    };
    sim.run_for(seconds(4));
    EXPECT_LT(longest, millis(2)) << "it preempts";
    EXPECT_GT(sim.kernel.counters().preempted, 500U);
}

TEST(DeadlineBehaviour, NoCpuIdlesWhileTasksWait) {
    DeadlineMachine sim = deadline_machine(4);
    const auto pids = spawn(sim, 9, hog());
    sim.run_for(seconds(3));
    EXPECT_NEAR(sum_of(sim, pids), 12.0, 0.06); // those that run have not been charged yet
}

// A sleeper comes back with a lag of 0 at most, and is preferred for its short request until it is
// in debt by the difference to the largest one: 20 ms once.
TEST(DeadlineBehaviour, ALongSleepIsWorthABoundedHeadStart) {
    DeadlineMachine sim = deadline_machine(1);
    const auto hogs = spawn(sim, 2, hog());
    const Pid sleeper = sim.kernel.spawn({.steps = {{millis(1), seconds(5)}, {kForever, {}}}});
    sim.run_for(seconds(5));
    for (const double after : {2.0, 4.0, 10.0}) {
        sim.run_for(seconds(6) + millis(static_cast<std::int64_t>(after * 1000)) -
                    sim.kernel.now());
        EXPECT_NEAR(seconds_of(sim, sleeper), after / 3, 0.03) << "after " << after << " s";
    }
    for (const Pid pid : hogs)
        EXPECT_LT(sim.kernel.stats(pid).longest_wait, millis(100));
}

// A session of one task beside one of eight: half of the machine each, as far as one task can use
// it.
TEST(DeadlineBehaviour, AGroupsShareIsDividedAmongItsTasks) {
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        DeadlineMachine sim = deadline_machine(cpus);
        TaskSpec in_first = hog();
        in_first.group = 1;
        TaskSpec in_second = hog();
        in_second.group = 2;
        const Pid one = sim.kernel.spawn(in_first);
        const auto eight = spawn(sim, 8, in_second);
        sim.run_for(seconds(2));
        const double one_before = seconds_of(sim, one);
        const double eight_before = sum_of(sim, eight);
        sim.run_for(seconds(10));
        const double fair = std::min(10.0, 10.0 * cpus / 2);
        EXPECT_NEAR(seconds_of(sim, one) - one_before, fair, 0.2) << cpus << " CPUs";
        EXPECT_NEAR(sum_of(sim, eight) - eight_before, 10.0 * cpus - fair, 0.2) << cpus << " CPUs";
    }
}

TEST(DeadlineBehaviour, AGroupsWeightIsItsShareHoweverManyTasksItHas) {
    DeadlineMachine sim = deadline_machine(4);
    sim.kernel.set_group_weight(1, 100);
    sim.kernel.set_group_weight(2, 300);
    TaskSpec low = hog();
    low.group = 1;
    TaskSpec high = hog();
    high.group = 2;
    const auto lows = spawn(sim, 16, low);
    const auto highs = spawn(sim, 4, high);
    sim.run_for(seconds(2));
    const double low_before = sum_of(sim, lows);
    sim.run_for(seconds(10));
    EXPECT_NEAR(sum_of(sim, lows) - low_before, 10.0, 0.4);
    EXPECT_GT(sum_of(sim, highs), 2 * sum_of(sim, lows));
}

// What was measured to be wrong once: tasks that nap were charged a part of what they used.
TEST(DeadlineBehaviour, NapsAreWorthNothing) {
    DeadlineMachine sim = deadline_machine(2);
    const auto nappers = spawn(sim, 4, periodic(millis(1), micros(50)));
    const auto hogs = spawn(sim, 4, hog());
    sim.run_for(seconds(2));
    const double before = sum_of(sim, nappers);
    const double hogs_before = sum_of(sim, hogs);
    sim.run_for(seconds(10));
    const double naps = sum_of(sim, nappers) - before;
    const double computes = sum_of(sim, hogs) - hogs_before;
    EXPECT_NEAR(naps / computes, 1.0, 0.1) << naps << " s against " << computes << " s";
}

// A task that used idle CPUs for long has taken nothing from those that come later.
TEST(DeadlineBehaviour, WhatIsUsedAloneIsNoDebt) {
    DeadlineMachine sim = deadline_machine(1);
    const Pid first = sim.kernel.spawn(hog());
    sim.run_for(seconds(30));
    const double before = seconds_of(sim, first);
    const Pid second = sim.kernel.spawn(hog());
    sim.run_for(seconds(2));
    EXPECT_NEAR(seconds_of(sim, first) - before, 1.0, 0.05);
    EXPECT_NEAR(seconds_of(sim, second), 1.0, 0.05);
}
