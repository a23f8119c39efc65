// SPDX-License-Identifier: GPL-2.0-only
// What the deadline policy promises of single decisions. Its behaviour on a machine over time is in
// deadline_behaviour_test.cpp.
#include "rustland/policy/deadline_policy.hpp"

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace rustland;

namespace {

constexpr Nanos kDay = seconds(86400);

// A task as the kernel side sees it: keeps the policy's state from decision to decision.
class Actor {
  public:
    explicit Actor(std::int32_t pid, std::uint32_t weight = 100) {
        task_.pid = Pid{pid};
        task_.weight = weight;
    }
    // It used so much CPU time and wants more.
    Actor& ran(Nanos time) {
        task_.sum_exec += time;
        task_.burst_exec += time;
        task_.wakeup = false;
        return *this;
    }
    // It ran for so long, slept, and has woken up.
    Actor& burst(Nanos time, Nanos sleep = millis(10)) {
        task_.sum_exec += time;
        return slept(sleep);
    }
    Actor& slept(Nanos sleep = millis(10)) {
        task_.burst_exec = Nanos{};
        task_.last_sleep = sleep;
        ++task_.sleeps;
        task_.wakeup = true;
        return *this;
    }
    QueuedTask& task() { return task_; }

    Decision decide(DeadlinePolicy& policy, Nanos now) {
        ++task_.seq;
        task_.enqueued_at = now;
        EXPECT_TRUE(policy.enqueue(task_, now));
        const auto decision = policy.pick(now);
        EXPECT_TRUE(decision.has_value());
        task_.state = decision->state;
        return *decision;
    }

  private:
    QueuedTask task_;
};

DeadlinePolicy make(const DeadlineParams& params = {}) { return DeadlinePolicy(params, 256); }

} // namespace

TEST(DeadlinePolicy, ShortBurstsComeBeforeLongOnes) {
    DeadlinePolicy policy = make();
    Actor quick(1);
    Actor slow(2);
    Nanos now = seconds(1);
    for (int i = 0; i < 20; ++i, now += millis(50)) {
        (void)quick.burst(millis(1)).decide(policy, now);
        (void)slow.burst(millis(30)).decide(policy, now);
    }
    // The long one comes first to the queue, and still runs second.
    ASSERT_TRUE(policy.enqueue(slow.burst(millis(30)).task(), now));
    ASSERT_TRUE(policy.enqueue(quick.burst(millis(1)).task(), now));
    EXPECT_EQ(policy.pick(now)->pid, Pid{1});
    EXPECT_EQ(policy.pick(now)->pid, Pid{2});
    EXPECT_FALSE(policy.pick(now));
}

TEST(DeadlinePolicy, TheExpectedBurstIsTheRequestUpToALimit) {
    for (const std::int64_t length : {1, 5, 15, 20, 30, 80}) {
        DeadlinePolicy policy = make();
        Actor actor(1);
        Decision decision;
        for (int i = 0; i < 20; ++i)
            decision = actor.burst(millis(length)).decide(policy, seconds(1 + i));
        EXPECT_EQ(decision.request, millis(std::min<std::int64_t>(length, 20))) << length;
        EXPECT_EQ(decision.key, decision.request) << "it deserves a whole CPU, and has got it";
        EXPECT_EQ(decision.deadline, seconds(20) + decision.key);
    }
}

TEST(DeadlinePolicy, ABurstCountsWholeHoweverManySlicesItTakes) {
    DeadlinePolicy policy = make();
    Actor actor(1);
    Decision decision;
    for (int i = 0; i < 20; ++i) {
        const Nanos now = seconds(1 + i);
        for (int slice = 0; slice < 2; ++slice)
            (void)actor.ran(millis(5)).decide(policy, now + millis(5) * slice);
        decision = actor.burst(millis(5)).decide(policy, now + millis(500));
    }
    EXPECT_EQ(decision.request, millis(15)) << "three slices of 5 ms";
}

TEST(DeadlinePolicy, ATaskInALongBurstComesAfterOneWithShortBursts) {
    DeadlinePolicy policy = make();
    Actor old(1);
    Actor quick(2);
    const Nanos now = seconds(5);
    (void)quick.burst(millis(2)).decide(policy, now - millis(20));
    ASSERT_TRUE(policy.enqueue(old.ran(millis(60)).task(), now));
    ASSERT_TRUE(policy.enqueue(quick.burst(millis(2)).task(), now));
    EXPECT_EQ(policy.pick(now)->pid, Pid{2});
}

TEST(DeadlinePolicy, ATaskThatHasShownNoBurstComesNoEarlierThanOneThatComputes) {
    DeadlinePolicy policy = make();
    Actor old(1);
    Actor fresh(2);
    const Nanos now = seconds(5);
    EXPECT_EQ(old.ran(millis(60)).decide(policy, now).deadline, fresh.decide(policy, now).deadline);
}

TEST(DeadlinePolicy, WhatATaskIsOwedBringsItForwardByABoundedTime) {
    const DeadlineParams params;
    DeadlinePolicy policy = make(params);
    Actor actor(1);
    actor.task().lag = millis(5);
    const Decision owed = actor.decide(policy, seconds(1));
    EXPECT_EQ(owed.key, millis(20) - millis(5));
    actor.task().lag = seconds(1000);
    EXPECT_GE(actor.decide(policy, seconds(2)).key, Nanos{} - params.credit);
}

TEST(DeadlinePolicy, ADebtPutsATaskOffInTheMeasureOfWhatItDeserves) {
    DeadlinePolicy policy = make();
    Actor actor(1);
    actor.task().lag = millis(-5);
    EXPECT_EQ(actor.decide(policy, seconds(1)).key, millis(25));
    actor.task().stretch = 2 * 1024; // half a CPU
    EXPECT_EQ(actor.decide(policy, seconds(2)).key, millis(50));
    actor.task().lag = seconds(-1000);
    EXPECT_LE(actor.decide(policy, seconds(3)).key, DeadlineParams{}.wait_max);
}

TEST(DeadlinePolicy, EqualTasksWithEqualPastGetEqualDeadlines) {
    DeadlinePolicy policy = make();
    Actor first(1);
    Actor second(2);
    const Nanos now = seconds(1);
    EXPECT_EQ(first.decide(policy, now).deadline, second.decide(policy, now).deadline);
}

TEST(DeadlinePolicy, ATaskThatDeservesMoreComesEarlier) {
    Nanos last = seconds(-1);
    for (const std::uint32_t stretch : {1U, 2U, 3U, 5U, 10U}) {
        DeadlinePolicy policy = make();
        Actor actor(1);
        actor.task().stretch = stretch * 1024;
        actor.task().lag = millis(-5);
        const Decision decision = actor.decide(policy, seconds(2));
        EXPECT_GT(decision.deadline, last) << "stretch " << stretch;
        last = decision.deadline;
    }
}

TEST(DeadlinePolicy, ATaskThatDeservesLittleAsksForLittle) {
    DeadlinePolicy policy = make();
    Actor actor(1);
    actor.task().stretch = 50 * 1024;
    const Decision decision = actor.ran(millis(60)).decide(policy, seconds(1));
    EXPECT_EQ(decision.request, micros(1500));
    EXPECT_EQ(decision.slice, micros(1500));
    EXPECT_EQ(decision.key, millis(75)) << "a quarter of the farthest deadline, without a debt";
}

TEST(DeadlinePolicy, SlicesShrinkWithTheNumberOfWaitingTasks) {
    DeadlineParams params;
    params.nr_cpus = 4;
    DeadlinePolicy policy = make(params);
    Actor actor(1);
    const auto slice = [&](std::uint32_t waiting) {
        actor.task().nr_waiting = waiting;
        return actor.decide(policy, seconds(1)).slice;
    };
    EXPECT_EQ(slice(0), millis(20));
    EXPECT_EQ(slice(4), millis(10));
    EXPECT_EQ(slice(12), millis(5));
    EXPECT_EQ(slice(36), millis(5)) << "not for ever";
    Nanos last = params.slice_max;
    for (std::uint32_t waiting = 0; waiting < 200; ++waiting) {
        EXPECT_LE(slice(waiting), last);
        last = slice(waiting);
    }
    EXPECT_EQ(last, millis(5));
    EXPECT_EQ(slice(4'000'000'000U), millis(5));
}

TEST(DeadlinePolicy, EvenTheLightestTaskGetsAUsefulSlice) {
    const DeadlineParams params;
    DeadlinePolicy policy = make(params);
    Actor nice19(1, 1);
    for (std::uint32_t waiting = 0; waiting < 100; ++waiting) {
        nice19.task().nr_waiting = waiting;
        EXPECT_GE(nice19.ran(millis(1)).decide(policy, seconds(1) + millis(waiting)).slice,
                  params.slice_min);
    }
}

TEST(DeadlinePolicy, WakingTasksMayPreemptAndOthersMayNot) {
    DeadlinePolicy policy = make();
    Actor actor(1);
    EXPECT_TRUE(actor.burst(millis(1)).decide(policy, seconds(1)).preempt);
    EXPECT_FALSE(actor.ran(millis(1)).decide(policy, seconds(1)).preempt);
}

TEST(DeadlinePolicy, TheDecisionAnswersTheEnqueue) {
    DeadlinePolicy policy = make();
    QueuedTask task;
    task.seq = 77;
    task.pid = Pid{1234};
    task.cpu = CpuId{2};
    ASSERT_TRUE(policy.enqueue(task, seconds(1)));
    EXPECT_EQ(policy.waiting(), 1U);
    const auto decision = policy.pick(seconds(1));
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->seq, 77U);
    EXPECT_EQ(decision->pid, Pid{1234});
    EXPECT_TRUE(decision->cpu.any()) << "the kernel side chooses";
    EXPECT_EQ(policy.waiting(), 0U);
}

TEST(DeadlinePolicy, RefusesWhatItHasNoRoomForAndGoesOn) {
    DeadlinePolicy policy(DeadlineParams{}, 2);
    EXPECT_TRUE(policy.enqueue(Actor(1).task(), seconds(1)));
    EXPECT_TRUE(policy.enqueue(Actor(2).task(), seconds(1)));
    EXPECT_FALSE(policy.enqueue(Actor(3).task(), seconds(1)));
    EXPECT_EQ(policy.pick(seconds(1))->pid, Pid{1});
    EXPECT_TRUE(policy.enqueue(Actor(3).task(), seconds(1)));
    EXPECT_EQ(policy.pick(seconds(1))->pid, Pid{2});
    EXPECT_EQ(policy.pick(seconds(1))->pid, Pid{3});
}

TEST(DeadlinePolicy, BatchTasksInterruptNobody) {
    DeadlinePolicy policy = make();
    Actor actor(1);
    actor.task().batch = true;
    EXPECT_FALSE(actor.burst(millis(1)).decide(policy, seconds(1)).preempt);
}

TEST(DeadlinePolicy, ASliceIsForAWholeBurstOfATaskThatIsAboutToSleep) {
    DeadlineParams params;
    params.nr_cpus = 1;
    DeadlinePolicy policy = make(params);
    Actor actor(1);
    actor.task().nr_waiting = 20;
    Decision decision;
    for (int i = 0; i < 20; ++i)
        decision = actor.burst(millis(8)).decide(policy, seconds(1 + i));
    EXPECT_EQ(decision.slice, millis(10));
    for (int i = 0; i < 20; ++i)
        decision = actor.burst(millis(40)).decide(policy, seconds(30 + i));
    EXPECT_EQ(decision.slice, millis(5)) << "it will not get there anyway";
}

// Random lives, plausible and not: every decision lies in the stated window, with a usable slice.
TEST(DeadlinePolicy, DeadlinesLieBetweenTheCreditAndTheBound) {
    const DeadlineParams params;
    const Nanos bound = DeadlinePolicy::deadline_bound(params);
    EXPECT_EQ(bound, millis(300));
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed);
        std::mt19937_64 random(seed);
        DeadlinePolicy policy = make(params);
        std::vector<Actor> actors;
        actors.reserve(8);
        for (std::int32_t i = 0; i < 8; ++i)
            actors.emplace_back(i + 1,
                                std::vector<std::uint32_t>{1, 15, 100, 300, 10000}[random() % 5]);
        Nanos now = seconds(1);
        for (int i = 0; i < 200; ++i) {
            now += Nanos{static_cast<std::int64_t>(random() % (1ULL << (random() % 40)))};
            const Nanos span{static_cast<std::int64_t>(random() % (1ULL << (random() % 40)))};
            Actor& actor = actors[random() % actors.size()];
            actor.task().lag =
                Nanos{static_cast<std::int64_t>(random() % 200'000'000) - 100'000'000};
            actor.task().stretch =
                1024 + static_cast<std::uint32_t>(random() % (1U << (random() % 21)));
            actor.task().nr_waiting = static_cast<std::uint32_t>(random() % 100);
            if (random() % 2 == 0)
                actor.ran(span);
            else
                actor.burst(span, millis(5));
            const Decision decision = actor.decide(policy, now);
            ASSERT_GE(decision.deadline, now - params.credit);
            ASSERT_LE(decision.deadline, now + bound);
            ASSERT_EQ(decision.deadline, now + decision.key);
            ASSERT_GE(decision.slice, params.slice_min);
            ASSERT_LE(decision.slice, params.slice_max);
        }
    }
}

// The sanitizer preset turns an overflow into a failure; the window shows its effect elsewhere.
TEST(DeadlinePolicy, ExtremeInputsDoNotOverflow) {
    const DeadlineParams params;
    const Nanos bound = DeadlinePolicy::deadline_bound(params);
    for (const std::uint32_t stretch : {1024U, 1024U * 1024U, 0U, 4'294'967'295U}) {
        DeadlinePolicy policy = make(params);
        Actor actor(1);
        actor.task().stretch = stretch;
        Nanos now = kDay * 36500; // a machine up for a hundred years
        const auto check = [&](const char* what) {
            const Decision decision = actor.decide(policy, now);
            EXPECT_GE(decision.deadline, now - params.credit) << what;
            EXPECT_LE(decision.deadline, now + bound) << what;
        };
        check("its first enqueue");
        actor.task().sleeps = 1'000'000'000;
        actor.burst(millis(1), kDay);
        check("a billion sleeps at once");
        actor.ran(kDay * 365);
        check("a year of CPU time in one go");
        actor.ran(kDay * 36500);
        check("a century of it");
        for (int i = 0; i < 10000; ++i)
            (void)actor.ran(kDay).decide(policy, now);
        check("days without end");
        actor.task().last_sleep = kDay * 36500;
        actor.slept(kDay * 36500);
        check("a century asleep");
        actor.task().nr_waiting = 0xFFFFFFFF;
        check("four billion waiting");
        actor.task().lag = Nanos{INT64_MIN};
        check("the deepest debt");
        actor.task().lag = Nanos{INT64_MAX};
        check("the greatest credit");
    }
}

TEST(DeadlinePolicy, AMachineWithoutCpusToldOfIsTakenForOneCpu) {
    DeadlineParams params;
    params.nr_cpus = 0;
    DeadlinePolicy policy = make(params);
    Actor actor(1);
    actor.task().nr_waiting = 1;
    EXPECT_EQ(actor.decide(policy, seconds(1)).slice, params.slice_max / 2);
}

TEST(DeadlinePolicy, AForegroundThatWasAloneOwesNothingWhenOthersCome) {
    DeadlinePolicy policy = make();
    Actor game(1);
    Actor job(2);
    game.task().task_class = TaskClass::Foreground;
    EXPECT_LT(game.burst(millis(5)).decide(policy, seconds(1)).key.value, 0);
    // A minute on idle CPUs, about which nobody was asked.
    for (int i = 0; i < 6000; ++i)
        game.burst(millis(10));
    (void)job.ran(millis(1)).decide(policy, seconds(61));
    EXPECT_LT(game.decide(policy, seconds(61) + millis(1)).key.value, 0);
    // But what it uses from now on counts.
    (void)job.ran(millis(1)).decide(policy, seconds(61) + millis(500));
    (void)game.ran(millis(900)).decide(policy, seconds(61) + millis(999));
    EXPECT_GT(game.ran(millis(1)).decide(policy, seconds(62)).key.value, 0);
}
