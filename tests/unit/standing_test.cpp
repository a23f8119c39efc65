// SPDX-License-Identifier: GPL-2.0-only
// Decisions that hold for more than one wake-up: when they do, and that what the kernel side makes
// of them is what the policy would have said.
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/policy/fifo_policy.hpp"
#include "rustland/testing/simulation.hpp"

#include "fair_math.h"
#include "records.hpp"

#include <cstdint>
#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <utility>

using namespace rustland;
using namespace rustland::testing;

namespace {

// Says the same of every task, and counts how often it is asked about one that has woken up.
class Steady final : public Policy {
  public:
    Steady() {
        decision.slice = millis(5);
        decision.request = millis(1);
        decision.standing.valid_for = millis(100);
        decision.standing.valid_exec = seconds(1);
        decision.standing.due_min = millis(-20);
        decision.standing.due_max = millis(300);
    }
    [[nodiscard]] const char* name() const override { return "steady"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override {
        asked += task.wakeup ? 1 : 0;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.deadline = now;
        decision.key = task.wakeup ? Nanos{} : seconds(1);
        decision.preempt = task.wakeup;
        waits_ = true;
        return true;
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos) override {
        if (!std::exchange(waits_, false))
            return std::nullopt;
        return decision;
    }
    [[nodiscard]] std::size_t waiting() const override { return waits_ ? 1 : 0; }

    Decision decision;
    int asked = 0;

  private:
    bool waits_ = false;
};

// A hog keeps the only CPU busy, so that the sleeper needs an answer at each wake-up.
struct Machine {
    Simulation<Steady> sim{MachineParams{.cpus = 1}};
    Pid sleeper;

    explicit Machine(TaskSpec spec) {
        sim.kernel.spawn(hog());
        sleeper = sim.kernel.spawn(std::move(spec));
        sim.run_for(millis(150));
    }
    struct Counts {
        int asked;
        int standing;
    };
    Counts in(Nanos span) {
        const Counts before = counts();
        sim.run_for(span);
        return {counts().asked - before.asked, counts().standing - before.standing};
    }

  private:
    [[nodiscard]] Counts counts() const {
        return {sim.policy.asked, static_cast<int>(sim.kernel.counters().standing)};
    }
};

// What the kernel side makes of a decision that stands, by the formulas that it uses.
struct Answer {
    Nanos deadline;
    Nanos key;
};
Answer standing_answer(const Decision& decision, const QueuedTask& task, Nanos now) {
    const Standing& standing = decision.standing;
    const std::int64_t request =
        std::min(decision.request.value, std::int64_t{rl_request_cap(task.stretch)});
    const std::int64_t due =
        rl_standing_due(rl_time_to_deadline(request, task.lag.value, task.stretch),
                        standing.due_min.value, standing.due_max.value, standing.rate);
    return {.deadline = now + decision.bias + Nanos{due},
            .key = standing.own_key ? decision.key
                                    : decision.bias + Nanos{rl_standing_key(request, task.stretch,
                                                                            due, standing.rate)}};
}

// A task of which the policy is told, with a lag and a stretch of its own each time.
class Teller {
  public:
    Teller(TaskClass task_class, unsigned seed) : random_(seed) {
        task_.pid = Pid{1};
        task_.task_class = task_class;
    }
    QueuedTask& woken_after(Nanos burst) {
        task_.sum_exec += burst;
        task_.burst_exec = Nanos{};
        ++task_.sleeps;
        task_.wakeup = true;
        task_.lag = micros(draw(-60'000, 40'000));
        task_.stretch = static_cast<std::uint32_t>(1024 * draw(1, 60));
        return task_;
    }
    Decision decide(Policy& policy, Nanos now) {
        ++task_.seq;
        EXPECT_TRUE(policy.enqueue(task_, now));
        const auto decision = policy.pick(now);
        EXPECT_TRUE(decision.has_value());
        task_.state = decision->state;
        return *decision;
    }
    std::int64_t draw(std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
    }

  private:
    QueuedTask task_;
    std::mt19937 random_;
};

std::int64_t distance(Nanos a, Nanos b) { return std::abs(a.value - b.value); }

} // namespace

TEST(Standing, OneAnswerServesManyWakeUps) {
    Machine machine(periodic(millis(1), millis(2)));
    const auto [asked, standing] = machine.in(millis(600));
    EXPECT_NEAR(asked, 6, 2) << "it holds for 100 ms";
    EXPECT_NEAR(asked + standing, 200, 10);
}

TEST(Standing, APolicyThatSaysNothingOfItIsAskedEachTime) {
    Machine machine(periodic(millis(1), millis(1)));
    machine.sim.policy.decision.standing = {};
    machine.in(millis(150));
    const auto [asked, standing] = machine.in(millis(200));
    EXPECT_EQ(standing, 0);
    EXPECT_NEAR(asked, 100, 10);
}

TEST(Standing, EndsWithTheCpuTime) {
    Machine machine(periodic(millis(1), millis(1)));
    machine.sim.policy.decision.standing.valid_exec = millis(3);
    machine.in(millis(150));
    const auto [asked, standing] = machine.in(millis(120));
    EXPECT_NEAR(asked, 20, 2) << "each third burst";
    EXPECT_NEAR(standing, 40, 4);
}

TEST(Standing, NeedsARequest) {
    Machine machine(periodic(millis(1), millis(1)));
    machine.sim.policy.decision.request = Nanos{};
    machine.in(millis(150));
    EXPECT_EQ(machine.in(millis(200)).standing, 0);
}

TEST(Standing, EndsWithABurstOfAnotherKind) {
    TaskSpec spec = periodic(millis(1), millis(1));
    spec.steps = {{millis(1), millis(1)}, {millis(1), millis(1)}, {millis(4), millis(1)}};
    Machine machine(spec);
    const auto [asked, standing] = machine.in(millis(90));
    EXPECT_NEAR(asked, 10, 2) << "after each one of 4 ms, while a request of 1 ms is known";
    EXPECT_NEAR(standing, 20, 3);
}

TEST(Standing, EndsWithAnotherAffinity) {
    Machine machine(periodic(micros(900), millis(1)));
    int asked = 0;
    for (int i = 0; i < 10; ++i) {
        machine.sim.kernel.set_affinity(machine.sleeper, CpuSet().set(0));
        asked += machine.in(millis(8)).asked;
    }
    EXPECT_GE(asked, 10);
}

// Nobody decides any more: what stands runs out, and the lease is what it is without.
TEST(Standing, WhoIsSilentDecidesNothingForLonger) {
    Machine machine(periodic(micros(900), millis(1)));
    machine.sim.policy.decision.standing.valid_for = seconds(1000);
    machine.in(millis(150));
    FakeKernel& kernel = machine.sim.kernel;
    const auto before = kernel.counters();
    kernel.advance_to(kernel.now() + millis(400)); // without the dispatch loop
    const auto& after = kernel.counters();
    EXPECT_LE(after.standing - before.standing, 60U) << "100 ms at most";
    EXPECT_GE(after.unasked - before.unasked, 100U);
}

TEST(Standing, EqualsThePolicysOwnAnswerWhereBurstsAreAlike) {
    for (const bool foreground : {false, true}) {
        DeadlinePolicy policy({.nr_cpus = 4}, 64);
        Teller teller(foreground ? TaskClass::Foreground : TaskClass::Normal, 1);
        Nanos now = seconds(10);
        for (int i = 0; i < 20; ++i)
            (void)(teller.woken_after(millis(2)), teller.decide(policy, now += millis(10)));
        for (int i = 0; i < 1000; ++i) {
            teller.woken_after(millis(2));
            const Decision first = teller.decide(policy, now += millis(1));
            const QueuedTask& again = teller.woken_after(millis(2));
            const Answer standing = standing_answer(first, again, now += millis(10));
            const Decision own = teller.decide(policy, now);
            ASSERT_GT(first.standing.valid_for, Nanos{});
            ASSERT_LE(distance(standing.deadline, own.deadline), 1) << i;
            ASSERT_LE(distance(standing.key, own.key), 1) << i;
        }
    }
}

// The mean of the bursts moves while a decision stands, and the policy would have noticed. What
// that makes is the difference of the requests, in real time, and no burst may be more than twice
// what the decision was made with.
TEST(Standing, DiffersFromThePolicysOwnAnswerByTheMovedRequestAlone) {
    DeadlinePolicy policy({.nr_cpus = 4}, 64);
    Teller teller(TaskClass::Normal, 2);
    Nanos now = seconds(10);
    std::int64_t worst = 0;
    for (int i = 0; i < 5000; ++i) {
        teller.woken_after(micros(teller.draw(1000, 3000)));
        const Decision first = teller.decide(policy, now += millis(1));
        const QueuedTask& again = teller.woken_after(micros(teller.draw(1000, 3000)));
        const Answer standing = standing_answer(first, again, now += millis(10));
        const Decision own = teller.decide(policy, now);
        const std::int64_t moved = std::abs(own.request.value - first.request.value);
        ASSERT_LE(moved, 500'000) << "a quarter of how far the bursts are apart";
        ASSERT_LE(distance(standing.deadline, own.deadline), moved * again.stretch / 1024 + 1);
        ASSERT_LE(distance(standing.key, own.key), moved * again.stretch / 1024 + 1);
        worst = std::max(worst, moved);
    }
    EXPECT_GT(worst, 100'000) << "or nothing has been compared";
}

// Beside a foreground the rest comes nearer: 2/5 of the time, for what stands, too.
TEST(Standing, IsSqueezedBesideAForegroundLikeTheRest) {
    DeadlinePolicy policy({.nr_cpus = 4}, 64);
    Teller teller(TaskClass::Normal, 3);
    Teller game(TaskClass::Foreground, 4);
    Nanos now = seconds(10);
    for (int i = 0; i < 20; ++i)
        (void)(teller.woken_after(millis(2)), teller.decide(policy, now += millis(10)));
    for (int i = 0; i < 100; ++i) {
        game.woken_after(millis(1));
        (void)game.decide(policy, now);
        teller.woken_after(millis(2));
        const Decision first = teller.decide(policy, now += millis(1));
        const QueuedTask& again = teller.woken_after(millis(2));
        const Answer standing = standing_answer(first, again, now += millis(10));
        const Decision own = teller.decide(policy, now);
        ASSERT_EQ(first.standing.rate, 410U);
        ASSERT_LE(distance(standing.deadline, own.deadline), 2) << i;
        ASSERT_LE(distance(standing.key, own.key), 2) << i;
    }
}

TEST(Standing, SlicesThatAreUsedUpAndUnknownAndBackgroundTasksAreAskedEachTime) {
    DeadlinePolicy policy({.nr_cpus = 4}, 64);
    Teller fresh(TaskClass::Normal, 5);
    EXPECT_EQ(fresh.decide(policy, seconds(1)).standing.valid_for, Nanos{});
    QueuedTask& task = fresh.woken_after(millis(1));
    EXPECT_GT(fresh.decide(policy, seconds(2)).standing.valid_for, Nanos{});
    task.wakeup = false;
    task.burst_exec = millis(3);
    EXPECT_EQ(fresh.decide(policy, seconds(3)).standing.valid_for, Nanos{});
    Teller background(TaskClass::Background, 6);
    background.woken_after(millis(1));
    EXPECT_EQ(background.decide(policy, seconds(4)).standing.valid_for, Nanos{});
}

TEST(Standing, TheRowHasItAllAndIsCutToWhatItHolds) {
    Decision decision;
    decision.standing = {.valid_for = millis(50),
                         .valid_exec = millis(8),
                         .due_min = millis(-20),
                         .due_max = millis(300),
                         .rate = 410,
                         .own_key = true};
    rl_decision row = to_row(decision);
    EXPECT_EQ(row.valid_for, 50'000'000U);
    EXPECT_EQ(row.valid_exec, 8'000'000U);
    EXPECT_EQ(row.due_min, -20'000'000);
    EXPECT_EQ(row.due_max, 300'000'000);
    EXPECT_EQ(row.rate, 410U);
    EXPECT_NE(row.flags & RL_DECISION_OWN_KEY, 0U);
    decision.standing = {.valid_for = seconds(100),
                         .valid_exec = Nanos{} - seconds(1),
                         .due_min = seconds(-100),
                         .due_max = seconds(100)};
    row = to_row(decision);
    EXPECT_EQ(row.valid_for, UINT32_MAX);
    EXPECT_EQ(row.valid_exec, 0U);
    EXPECT_EQ(row.due_min, INT32_MIN);
    EXPECT_EQ(row.due_max, INT32_MAX);
}
