// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/policy/fifo_policy.hpp"

#include "rustland/testing/simulation.hpp"

#include <gtest/gtest.h>
#include <vector>

using namespace rustland;
using namespace rustland::testing;

namespace {

QueuedTask waiting_since(Nanos since, std::int32_t pid) {
    QueuedTask task;
    task.seq = 5;
    task.enqueued_at = since;
    task.pid = Pid{pid};
    return task;
}

} // namespace

TEST(FifoPolicy, PicksWhoeverWaitsLongest) {
    FifoPolicy policy(millis(5), 8);
    ASSERT_TRUE(policy.enqueue(waiting_since(millis(3), 3), millis(4)));
    ASSERT_TRUE(policy.enqueue(waiting_since(millis(1), 1), millis(4)));
    ASSERT_TRUE(policy.enqueue(waiting_since(millis(2), 2), millis(4)));
    EXPECT_EQ(policy.waiting(), 3U);
    for (std::int32_t pid = 1; pid <= 3; ++pid) {
        const auto decision = policy.pick(millis(4));
        ASSERT_TRUE(decision);
        EXPECT_EQ(decision->pid, Pid{pid});
        EXPECT_EQ(decision->seq, 5U);
        EXPECT_EQ(decision->slice, millis(5));
        EXPECT_EQ(decision->deadline, millis(pid));
        EXPECT_TRUE(decision->cpu.any());
        EXPECT_FALSE(decision->preempt);
    }
    EXPECT_FALSE(policy.pick(millis(4)));
    EXPECT_EQ(policy.waiting(), 0U);
}

TEST(FifoPolicy, RefusesWhatItHasNoRoomFor) {
    FifoPolicy policy(millis(5), 1);
    EXPECT_TRUE(policy.enqueue(waiting_since(millis(1), 1), millis(1)));
    EXPECT_FALSE(policy.enqueue(waiting_since(millis(1), 2), millis(1)));
    EXPECT_EQ(policy.pick(millis(1))->pid, Pid{1});
    EXPECT_TRUE(policy.enqueue(waiting_since(millis(1), 2), millis(1)));
}

TEST(FifoPolicy, RunsTasksInTheOrderOfTheirArrival) {
    Simulation<FifoPolicy> sim({.cpus = 1}, millis(5), std::size_t{64});
    std::vector<std::int32_t> order;
    sim.kernel.on_start = [&](const Start& start) { order.push_back(start.pid.value); };
    for (int i = 0; i < 6; ++i)
        sim.kernel.spawn(once(millis(2)));
    sim.run_for(millis(100));
    EXPECT_EQ(order, (std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(sim.kernel.counters().exited, 6U);
}

TEST(FifoPolicy, GivesEachHogItsTurn) {
    Simulation<FifoPolicy> sim({.cpus = 2}, millis(5), std::size_t{64});
    std::vector<Pid> hogs;
    hogs.reserve(7);
    for (int i = 0; i < 7; ++i)
        hogs.push_back(sim.kernel.spawn(hog()));
    sim.run_for(seconds(2));
    const double fair = 2.0 * 2e9 / 7;
    for (const Pid pid : hogs)
        EXPECT_NEAR(static_cast<double>(sim.kernel.stats(pid).cpu_time.value), fair, fair * 0.05);
}
