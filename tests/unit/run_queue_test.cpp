// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/policy/run_queue.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <utility>

using namespace rustland;

namespace {

Decision due(std::int64_t deadline, std::int32_t pid) {
    Decision decision;
    decision.deadline = Nanos{deadline};
    decision.pid = Pid{pid};
    return decision;
}

} // namespace

TEST(RunQueue, GivesTheEarliestDeadlineFirst) {
    RunQueue queue(4);
    for (const std::int64_t deadline : {30, 10, 40, 20})
        ASSERT_TRUE(queue.push(due(deadline, 1)));
    for (const std::int64_t deadline : {10, 20, 30, 40})
        EXPECT_EQ(queue.pop().deadline, Nanos{deadline});
    EXPECT_TRUE(queue.empty());
}

TEST(RunQueue, KeepsTheOrderOfInsertionAmongEqualDeadlines) {
    RunQueue queue(100);
    for (std::int32_t pid = 1; pid <= 50; ++pid) {
        ASSERT_TRUE(queue.push(due(7, pid)));
        ASSERT_TRUE(queue.push(due(8, 100 + pid)));
    }
    for (std::int32_t pid = 1; pid <= 50; ++pid)
        EXPECT_EQ(queue.pop().pid, Pid{pid});
    for (std::int32_t pid = 1; pid <= 50; ++pid)
        EXPECT_EQ(queue.pop().pid, Pid{100 + pid});
}

TEST(RunQueue, RefusesWhenFullAndChangesNothing) {
    RunQueue queue(2);
    ASSERT_TRUE(queue.push(due(2, 2)));
    ASSERT_TRUE(queue.push(due(1, 1)));
    EXPECT_TRUE(queue.full());
    EXPECT_FALSE(queue.push(due(0, 3)));
    EXPECT_EQ(queue.size(), 2U);
    EXPECT_EQ(queue.pop().pid, Pid{1});
    EXPECT_FALSE(queue.full());
    EXPECT_TRUE(queue.push(due(0, 3)));
    EXPECT_EQ(queue.pop().pid, Pid{3});
    EXPECT_EQ(queue.pop().pid, Pid{2});
}

TEST(RunQueue, WithoutCapacityItIsFullAndEmptyAtOnce) {
    RunQueue queue(0);
    EXPECT_TRUE(queue.full());
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.push(due(1, 1)));
}

TEST(RunQueue, OrdersTheLargestAndSmallestTimes) {
    using Limits = std::numeric_limits<std::int64_t>;
    RunQueue queue(3);
    ASSERT_TRUE(queue.push(due(Limits::max(), 3)));
    ASSERT_TRUE(queue.push(due(0, 2)));
    ASSERT_TRUE(queue.push(due(Limits::min(), 1)));
    for (std::int32_t pid = 1; pid <= 3; ++pid)
        EXPECT_EQ(queue.pop().pid, Pid{pid});
}

TEST(RunQueue, CarriesTheWholeDecision) {
    RunQueue queue(1);
    Decision decision = due(5, 42);
    decision.seq = 9;
    decision.cpu = CpuId{3};
    decision.slice = millis(2);
    decision.key = Nanos{-7};
    decision.preempt = true;
    decision.state = {1, 2, 3, 4};
    ASSERT_TRUE(queue.push(decision));
    const Decision out = queue.pop();
    EXPECT_EQ(out.seq, 9U);
    EXPECT_EQ(out.pid, Pid{42});
    EXPECT_EQ(out.cpu, CpuId{3});
    EXPECT_EQ(out.slice, millis(2));
    EXPECT_EQ(out.deadline, Nanos{5});
    EXPECT_EQ(out.key, Nanos{-7});
    EXPECT_TRUE(out.preempt);
    EXPECT_EQ(out.state, (PolicyState{1, 2, 3, 4}));
}

// Against a plain sorted map as the model.
TEST(RunQueue, AgreesWithASortedMapOverRandomPushesAndPops) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed);
        std::mt19937_64 random(seed);
        const std::size_t capacity = 1 + random() % 64;
        RunQueue queue(capacity);
        std::map<std::pair<std::int64_t, std::uint64_t>, std::int32_t> model;
        for (std::uint64_t i = 0; i < 400; ++i) {
            if (random() % 5 < 3) {
                const auto deadline = static_cast<std::int64_t>(random() % 20);
                const auto pid = static_cast<std::int32_t>(i);
                const bool fits = model.size() < capacity;
                ASSERT_EQ(queue.push(due(deadline, pid)), fits);
                if (fits)
                    model[{deadline, i}] = pid;
            } else if (!model.empty()) {
                ASSERT_EQ(queue.pop().pid, Pid{model.begin()->second});
                model.erase(model.begin());
            }
            ASSERT_EQ(queue.size(), model.size());
            ASSERT_EQ(queue.empty(), model.empty());
        }
    }
}
