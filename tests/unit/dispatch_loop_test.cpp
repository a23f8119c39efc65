// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/core/dispatch_loop.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/policy/fifo_policy.hpp"
#include "rustland/testing/simulation.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <vector>

using namespace rustland;
using namespace rustland::testing;

namespace {

using Round = DispatchLoop::Round;
using Fifo = Simulation<FifoPolicy>;

// One CPU that a hog keeps busy, so that whatever comes next has to wait for a decision.
struct BusyMachine : Fifo {
    explicit BusyMachine(MachineParams params = {}, std::size_t capacity = 4096)
        : Fifo(params, millis(5), capacity) {
        first = kernel.spawn(hog());
    }
    Pid first;
};

bool balanced(const FakeKernel& kernel) {
    const FakeCounters& c = kernel.counters();
    return c.queued == c.decided + c.fallback + c.dequeued + kernel.pending();
}

// A policy that takes tasks and never names one of them again.
class ForgetfulPolicy final : public Policy {
  public:
    explicit ForgetfulPolicy(Pid forgets) : inner_(millis(5), 64), forgets_(forgets) {}
    [[nodiscard]] const char* name() const override { return "forgetful"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override {
        return task.pid == forgets_ || inner_.enqueue(task, now);
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos now) override { return inner_.pick(now); }
    [[nodiscard]] std::size_t waiting() const override { return inner_.waiting(); }

  private:
    FifoPolicy inner_;
    Pid forgets_;
};

} // namespace

TEST(DispatchLoop, IsIdleWithoutTasks) {
    Fifo sim({}, millis(5), std::size_t{16});
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Idle);
    EXPECT_EQ(sim.counters.rounds.get(), 0U);
}

TEST(DispatchLoop, ATaskThatFindsAnIdleCpuNeverReachesIt) {
    Fifo sim({.cpus = 2}, millis(5), std::size_t{16});
    sim.kernel.spawn(once(millis(1)));
    sim.kernel.spawn(once(millis(1)));
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Idle);
    sim.run_for(millis(5));
    EXPECT_EQ(sim.kernel.counters().exited, 2U);
    EXPECT_EQ(sim.counters.received.get(), 0U);
}

TEST(DispatchLoop, CarriesATaskToThePolicyAndTheDecisionBack) {
    BusyMachine sim;
    const Pid pid = sim.kernel.spawn(once(millis(1)));
    EXPECT_EQ(sim.kernel.pending(), 1U);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.kernel.pending(), 0U);
    EXPECT_EQ(sim.kernel.waiting(), 1U);
    EXPECT_EQ(sim.counters.received.get(), 1U);
    EXPECT_EQ(sim.counters.moved.get(), 1U);
    EXPECT_EQ(sim.counters.rounds.get(), 1U);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Idle);
    sim.run_for(millis(50));
    EXPECT_FALSE(sim.kernel.alive(pid));
    EXPECT_EQ(sim.kernel.stats(pid).starts, 1U);
}

TEST(DispatchLoop, ThePolicysMemoryComesBackWithTheTask) {
    Simulation<DeadlinePolicy> sim({}, DeadlineParams{}, std::size_t{64});
    sim.kernel.spawn(hog());
    const Pid pid = sim.kernel.spawn(hog());
    EXPECT_EQ(sim.kernel.policy_state(pid), PolicyState{});
    sim.run_for(millis(100));
    const PolicyState before = sim.kernel.policy_state(pid);
    EXPECT_NE(before, PolicyState{});
    sim.run_for(millis(100));
    EXPECT_NE(sim.kernel.policy_state(pid), before) << "CPU time is added up";
}

TEST(DispatchLoop, ADecisionAboutATaskThatLeftIsStale) {
    BusyMachine sim;
    const Pid pid = sim.kernel.spawn(once(millis(1)));
    sim.kernel.remove(pid);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.counters.stale.get(), 1U);
    EXPECT_EQ(sim.counters.moved.get(), 0U);
    EXPECT_EQ(sim.kernel.counters().dequeued, 1U);
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, ADecisionAboutAnEarlierEnqueueDoesNotHitTheNextOne) {
    BusyMachine sim;
    const Pid pid = sim.kernel.spawn(once(millis(1)));
    sim.kernel.requeue(pid);
    ASSERT_EQ(sim.kernel.records(), 2U);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.counters.stale.get(), 1U);
    EXPECT_EQ(sim.counters.moved.get(), 1U);
    EXPECT_TRUE(balanced(sim.kernel));
    sim.run_for(millis(50));
    EXPECT_EQ(sim.kernel.stats(pid).starts, 1U);
}

TEST(DispatchLoop, ADecisionAboutADeadTaskDoesNotHitTheNextOneWithItsPid) {
    BusyMachine sim;
    const Pid pid{77};
    sim.kernel.spawn_as(pid, once(millis(1)));
    std::vector<QueuedTask> record(1);
    ASSERT_EQ(sim.kernel.receive(record), 1U);
    sim.kernel.remove(pid);
    sim.kernel.spawn_as(pid, once(millis(1)));

    Decision late;
    late.seq = record[0].seq;
    late.pid = pid;
    late.slice = millis(1);
    late.state = {9, 9, 9, 9};
    CommitResult result = CommitResult::Moved;
    sim.kernel.commit({&late, 1}, {&result, 1});
    EXPECT_EQ(result, CommitResult::Stale);
    EXPECT_EQ(sim.kernel.policy_state(pid), PolicyState{});
    EXPECT_EQ(sim.kernel.pending(), 1U);
}

TEST(DispatchLoop, ATaskThatChangesAffinityWhilePendingRunsWhereItMay) {
    Fifo sim({.cpus = 4}, millis(5), std::size_t{64});
    for (int i = 0; i < 4; ++i)
        sim.kernel.spawn(hog());
    const Pid pid = sim.kernel.spawn(once(millis(12)));
    sim.kernel.set_affinity(pid, CpuSet(0b0100));
    std::vector<std::int32_t> cpus;
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == pid)
            cpus.push_back(start.cpu.value);
    };
    sim.run_for(millis(200));
    EXPECT_FALSE(sim.kernel.alive(pid));
    ASSERT_GE(cpus.size(), 3U) << "slices of 5 ms";
    for (const std::int32_t cpu : cpus)
        EXPECT_EQ(cpu, 2);
    EXPECT_EQ(sim.counters.stale.get(), 1U);
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, SaysADecisionAgainUntilTheKernelTakesIt) {
    BusyMachine sim;
    const Pid pid = sim.kernel.spawn(once(millis(1)));
    sim.kernel.delay_enqueue(pid, 3);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Retry);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.counters.received.get(), 1U);
    EXPECT_EQ(sim.counters.retried.get(), 3U);
    EXPECT_EQ(sim.counters.moved.get(), 1U);
    EXPECT_EQ(sim.counters.given_up.get(), 0U);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Idle);
}

TEST(DispatchLoop, GivesUpAfterEightTriesAndLeavesTheTaskToTheLease) {
    BusyMachine sim;
    const Pid pid = sim.kernel.spawn(once(millis(1)));
    sim.kernel.delay_enqueue(pid, 1000);
    int tries = 1;
    while (sim.loop.run_once(sim.kernel.now()) == Round::Retry)
        ++tries;
    EXPECT_EQ(tries, 8);
    EXPECT_EQ(sim.counters.retried.get(), 8U);
    EXPECT_EQ(sim.counters.given_up.get(), 1U);
    EXPECT_EQ(sim.kernel.pending(), 1U);
    sim.run_for(millis(60));
    EXPECT_EQ(sim.kernel.counters().fallback, 1U);
    EXPECT_FALSE(sim.kernel.alive(pid));
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, OthersPassWhileSomeAreSaidAgain) {
    BusyMachine sim;
    const Pid slow = sim.kernel.spawn(once(millis(1)));
    sim.kernel.delay_enqueue(slow, 2);
    sim.kernel.spawn(once(millis(1)));
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Retry);
    EXPECT_EQ(sim.counters.moved.get(), 1U);
    sim.kernel.spawn(once(millis(1)));
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Retry);
    EXPECT_EQ(sim.counters.moved.get(), 2U);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.counters.moved.get(), 3U);
}

TEST(DispatchLoop, ABatchFullOfRetriesReadsNothingAndLosesNothing) {
    BusyMachine sim;
    for (std::size_t i = 0; i < Kernel::kMaxDecisions + 44; ++i)
        sim.kernel.delay_enqueue(sim.kernel.spawn(once(micros(10))), 3);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Retry);
    EXPECT_EQ(sim.counters.received.get(), Kernel::kMaxDecisions);
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Retry);
    EXPECT_EQ(sim.counters.received.get(), Kernel::kMaxDecisions);
    EXPECT_EQ(sim.kernel.records(), 44U);
    sim.run_for(millis(200));
    EXPECT_EQ(sim.counters.moved.get() - (sim.kernel.counters().queued - 300), 300U);
    EXPECT_EQ(sim.kernel.counters().exited, 300U);
    EXPECT_EQ(sim.counters.given_up.get(), 0U);
}

TEST(DispatchLoop, DecidesByItselfForTasksThatThePolicyHasNoRoomFor) {
    BusyMachine sim({}, 10);
    std::vector<Pid> pids;
    pids.reserve(100);
    for (int i = 0; i < 100; ++i)
        pids.push_back(sim.kernel.spawn(once(micros(100))));
    EXPECT_EQ(sim.loop.run_once(sim.kernel.now()), Round::Done);
    EXPECT_EQ(sim.counters.no_room.get(), 90U);
    EXPECT_EQ(sim.counters.moved.get(), 100U);
    EXPECT_EQ(sim.kernel.pending(), 0U);
    sim.run_for(millis(100));
    for (const Pid pid : pids)
        EXPECT_FALSE(sim.kernel.alive(pid));
}

TEST(DispatchLoop, ARefusedTaskKeepsThePolicysMemoryOfIt) {
    Simulation<DeadlinePolicy> sim({}, DeadlineParams{}, std::size_t{64});
    sim.kernel.spawn(hog());
    const Pid pid = sim.kernel.spawn(hog());
    sim.run_for(millis(100));
    const PolicyState before = sim.kernel.policy_state(pid);
    ASSERT_NE(before, PolicyState{});

    DeadlinePolicy full(DeadlineParams{}, 0);
    LoopCounters counters;
    DispatchLoop loop(sim.kernel, full, counters, millis(5));
    simulate(sim.kernel, loop, sim.kernel.now() + millis(100));
    EXPECT_GT(counters.no_room.get(), 0U);
    EXPECT_EQ(counters.no_room.get(), counters.received.get());
    EXPECT_EQ(sim.kernel.policy_state(pid), before);
}

TEST(DispatchLoop, ThousandsAtOnceGoThroughInBatches) {
    BusyMachine sim;
    constexpr std::size_t kTasks = 5000;
    for (std::size_t i = 0; i < kTasks; ++i)
        sim.kernel.spawn(once(micros(10)));
    while (sim.loop.run_once(sim.kernel.now()) != Round::Idle) {
    }
    EXPECT_EQ(sim.counters.received.get(), kTasks);
    EXPECT_EQ(sim.counters.moved.get(), kTasks);
    EXPECT_EQ(sim.counters.rounds.get(),
              (kTasks + Kernel::kMaxDecisions - 1) / Kernel::kMaxDecisions);
    sim.run_for(millis(200));
    EXPECT_EQ(sim.kernel.counters().exited, kTasks);
}

TEST(DispatchLoop, ACongestedRingLosesNoTask) {
    BusyMachine sim({.ring_capacity = 100});
    for (int i = 0; i < 3000; ++i)
        sim.kernel.spawn(once(micros(10)));
    EXPECT_EQ(sim.kernel.counters().congested, 2900U);
    sim.run_for(millis(200));
    EXPECT_EQ(sim.kernel.counters().exited, 3000U);
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, WhatThePolicyForgetsTheLeaseDispatches) {
    FakeKernel kernel({});
    kernel.spawn(hog());
    const Pid forgotten = kernel.spawn(once(millis(1)));
    ForgetfulPolicy policy(forgotten);
    LoopCounters counters;
    DispatchLoop loop(kernel, policy, counters, millis(5));
    simulate(kernel, loop, kernel.now() + millis(100));
    EXPECT_FALSE(kernel.alive(forgotten));
    EXPECT_EQ(kernel.counters().fallback, 1U);
    EXPECT_LE(kernel.stats(forgotten).longest_wait, millis(45)) << "the lease and a slice";
    EXPECT_EQ(kernel.counters().unasked, 0U) << "user space is alive";
}

TEST(DispatchLoop, TasksRunWhileUserSpaceIsSilentAndWhatItSaysLaterIsStale) {
    BusyMachine sim;
    std::vector<Pid> pids;
    pids.reserve(20);
    for (int i = 0; i < 20; ++i)
        pids.push_back(sim.kernel.spawn(periodic(millis(1), millis(5))));
    sim.kernel.advance_to(sim.kernel.now() + millis(500));
    EXPECT_EQ(sim.kernel.pending(), 0U);
    EXPECT_GE(sim.kernel.counters().fallback, 20U);
    EXPECT_GT(sim.kernel.counters().unasked, 100U);
    for (const Pid pid : pids)
        EXPECT_GT(sim.kernel.stats(pid).starts, 5U);

    const std::uint64_t left_over = sim.kernel.records();
    ASSERT_GT(left_over, 0U);
    while (sim.loop.run_once(sim.kernel.now()) != Round::Idle) {
    }
    EXPECT_EQ(sim.counters.stale.get(), left_over);
    const std::uint64_t fallback = sim.kernel.counters().fallback;
    sim.run_for(millis(200));
    EXPECT_EQ(sim.kernel.counters().fallback, fallback) << "user space decides again";
    EXPECT_TRUE(balanced(sim.kernel));
}

namespace {

// Listens to everything, and throws where it is told to.
class TouchyPolicy final : public Policy {
  public:
    [[nodiscard]] const char* name() const override { return "touchy"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override {
        hit(PolicyCall::Enqueue);
        return inner_.enqueue(task, now);
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos now) override {
        hit(PolicyCall::Pick);
        return inner_.pick(now);
    }
    [[nodiscard]] std::size_t waiting() const override { return inner_.waiting(); }
    [[nodiscard]] bool wants_exits() const override { return true; }
    void exited(Pid pid, Nanos) override {
        gone.push_back(pid);
        hit(PolicyCall::Exited);
    }
    [[nodiscard]] Nanos tick_interval() const override { return millis(10); }
    void tick(Nanos now) override {
        ticks.push_back(now);
        hit(PolicyCall::Tick);
    }

    PolicyCall throws = PolicyCall::None;
    std::size_t every = 3; // so many calls
    std::vector<Pid> gone;
    std::vector<Nanos> ticks;

  private:
    void hit(PolicyCall call) {
        if (call == throws && ++calls_ % every == 0)
            throw std::runtime_error("it hurts");
    }
    FifoPolicy inner_{millis(5), 64};
    std::size_t calls_ = 0;
};

struct TouchyMachine : Simulation<TouchyPolicy> {
    TouchyMachine() : Simulation(MachineParams{}) {
        for (int i = 0; i < 4; ++i)
            pids.push_back(kernel.spawn(hog()));
    }
    std::vector<Pid> pids;
};

} // namespace

TEST(DispatchLoop, APolicyThatThrowsInEnqueueLosesOnlyThatTask) {
    TouchyMachine sim;
    sim.policy.throws = PolicyCall::Enqueue;
    sim.run_for(seconds(1));
    EXPECT_GT(sim.counters.policy_errors.get(), 20U);
    EXPECT_EQ(sim.counters.fault.first(), "enqueue(): it hurts");
    EXPECT_STREQ(sim.counters.fault.where(), "");
    EXPECT_EQ(sim.counters.no_room.get(), 0U);
    EXPECT_EQ(sim.kernel.counters().fallback, 0U) << "the loop decides instead";
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, APolicyThatThrowsInPickIsAskedAgainInTheNextRound) {
    TouchyMachine sim;
    sim.policy.throws = PolicyCall::Pick;
    sim.run_for(seconds(1));
    EXPECT_GT(sim.counters.policy_errors.get(), 20U);
    EXPECT_EQ(sim.counters.fault.first(), "pick(): it hurts");
    for (const Pid pid : sim.pids)
        EXPECT_GT(sim.kernel.stats(pid).cpu_time, millis(150));
    EXPECT_TRUE(balanced(sim.kernel));
}

TEST(DispatchLoop, APolicyThatAlwaysThrowsLeavesTheMachineRunning) {
    for (const PolicyCall call : {PolicyCall::Enqueue, PolicyCall::Pick, PolicyCall::Tick}) {
        TouchyMachine sim;
        sim.policy.throws = call;
        sim.policy.every = 1;
        sim.run_for(seconds(1));
        EXPECT_GT(sim.counters.policy_errors.get(), 10U);
        for (const Pid pid : sim.pids)
            EXPECT_GT(sim.kernel.stats(pid).cpu_time, millis(150));
    }
}

TEST(DispatchLoop, TellsOfExitsOfTasksThatThePolicyKnows) {
    Simulation<TouchyPolicy> sim{MachineParams{}};
    const Pid unknown = sim.kernel.spawn(once(millis(1)));
    sim.run_for(millis(10));
    EXPECT_FALSE(sim.kernel.alive(unknown)) << "it had an idle CPU, so nobody was asked about it";
    sim.kernel.spawn(hog());
    const Pid first = sim.kernel.spawn(once(millis(1)));
    const Pid second = sim.kernel.spawn(once(millis(1)));
    sim.policy.throws = PolicyCall::Exited;
    sim.policy.every = 1;
    sim.run_for(millis(100));
    EXPECT_EQ(sim.policy.gone, (std::vector<Pid>{first, second})) << "in spite of the exceptions";
    EXPECT_EQ(sim.counters.exits.get(), 2U);
    EXPECT_EQ(sim.counters.policy_errors.get(), 2U);
}

TEST(DispatchLoop, TicksOnlyWhileThereIsSomethingToDoAndNotTooOften) {
    TouchyMachine sim;
    sim.run_for(millis(100));
    const std::vector<Nanos> ticks = sim.policy.ticks;
    ASSERT_GT(ticks.size(), 4U);
    EXPECT_LE(ticks.size(), 11U);
    for (std::size_t i = 1; i < ticks.size(); ++i)
        EXPECT_GE(ticks[i] - ticks[i - 1], millis(10));
}
