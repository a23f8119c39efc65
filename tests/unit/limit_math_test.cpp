// SPDX-License-Identifier: GPL-2.0-only
// The arithmetic of cpu.max that the BPF program uses.
#include "limit_math.h"

#include <cstdint>
#include <gtest/gtest.h>

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr auto kSigned = static_cast<std::int64_t>(kMs);

// A group that wants more than it may have, on so many CPUs, each of which notices late that the
// budget is gone. Goes by the formulas step by step; `step` is how exact the clock is.
struct Group {
    std::uint64_t quota;
    std::uint64_t period;
    std::uint64_t burst = 0;
    std::uint64_t end = period;
    std::int64_t budget = static_cast<std::int64_t>(quota);

    void refill(std::uint64_t now) {
        const std::uint64_t periods = rl_limit_periods(end, now, period);
        budget = rl_limit_refilled(budget, periods, quota, burst, period);
        end += periods * period;
    }
    std::uint64_t use(std::uint64_t duration, std::uint64_t cpus, std::uint64_t step) {
        std::uint64_t used = 0;
        for (std::uint64_t now = 0; now < duration; now += step) {
            refill(now);
            if (budget <= 0)
                continue;
            used += cpus * step;
            budget -= static_cast<std::int64_t>(cpus * step);
        }
        return used;
    }
};

} // namespace

TEST(LimitMath, AGroupThatWantsMoreGetsItsQuotaForEachPeriod) {
    Group half{50 * kMs, 100 * kMs};
    EXPECT_NEAR(static_cast<double>(half.use(10'000 * kMs, 1, kMs)), 5e9, 60e6);
    Group more_than_a_cpu{150 * kMs, 100 * kMs};
    EXPECT_NEAR(static_cast<double>(more_than_a_cpu.use(10'000 * kMs, 4, kMs)), 15e9, 200e6);
}

TEST(LimitMath, WhatIsUsedBeyondTheBudgetIsPaidBackSoThatTheMeanHolds) {
    Group little{kMs, 1000 * kMs}; // each turn takes four times the quota
    EXPECT_NEAR(static_cast<double>(little.use(400'000 * kMs, 1, 4 * kMs)), 400e6, 8e6);
}

TEST(LimitMath, APeriodIsOverAtItsEndAndNotBefore) {
    EXPECT_EQ(rl_limit_periods(100, 99, 10), 0U);
    EXPECT_EQ(rl_limit_periods(100, 100, 10), 1U);
    EXPECT_EQ(rl_limit_periods(100, 109, 10), 1U);
    EXPECT_EQ(rl_limit_periods(100, 110, 10), 2U);
    EXPECT_EQ(rl_limit_periods(0, 5, 0), 0U) << "no limit yet";
}

TEST(LimitMath, WhatIsLeftOfAQuotaIsKeptUpToTheBurst) {
    EXPECT_EQ(rl_limit_refilled(30, 1, 50, 0, kMs), 50);
    EXPECT_EQ(rl_limit_refilled(30, 1, 50, 20, kMs), 70);
    EXPECT_EQ(rl_limit_refilled(50, 1, 50, 20, kMs), 70);
    EXPECT_EQ(rl_limit_refilled(0, 1, 50, 20, kMs), 50);
    EXPECT_EQ(rl_limit_refilled(0, ~0ULL, 50, 20, kMs), 70) << "any number of periods";
    EXPECT_EQ(rl_limit_refilled(70, 0, 50, 20, kMs), 70);
}

TEST(LimitMath, ADebtIsWorthTenSecondsAtMost) {
    const auto quota = static_cast<std::int64_t>(kMs);
    // 100 periods of 100 ms: the last of them gives a budget again.
    EXPECT_EQ(rl_limit_refilled(-1000 * quota, 1, kMs, 0, 100 * kMs), -99 * quota);
    EXPECT_EQ(rl_limit_release(-1000 * quota, 0, kMs, 100 * kMs), 10'000 * kMs);
    EXPECT_EQ(rl_limit_release(-1000 * kSigned, 0, kMs, 1000 * kMs), 10'000 * kMs);
}

TEST(LimitMath, AGroupIsLetGoWhenItsDebtIsPaid) {
    EXPECT_EQ(rl_limit_release(1, 1000, 50, 100), 0U) << "it has a budget";
    EXPECT_EQ(rl_limit_release(0, 1000, 50, 100), 1000U);
    EXPECT_EQ(rl_limit_release(-49, 1000, 50, 100), 1000U);
    EXPECT_EQ(rl_limit_release(-50, 1000, 50, 100), 1100U);
    EXPECT_EQ(rl_limit_release(-149, 1000, 50, 100), 1200U);
    // At that time it does have one.
    for (std::int64_t debt = 0; debt < 300; ++debt) {
        const std::uint64_t at = rl_limit_release(-debt, 1000, 50, 100);
        const std::uint64_t periods = rl_limit_periods(1000, at, 100);
        EXPECT_GT(rl_limit_refilled(-debt, periods, 50, 0, 100), 0) << debt;
        EXPECT_LE(rl_limit_refilled(-debt, periods - 1, 50, 0, 100), 0) << debt;
    }
}

TEST(LimitMath, AChangedLimitGivesTheDifferenceAndForgivesNothing) {
    EXPECT_EQ(rl_limit_changed(-10, 50, 200, 0), 140) << "more is there at once";
    EXPECT_EQ(rl_limit_changed(40, 50, 20, 0), 20) << "less is cut";
    EXPECT_EQ(rl_limit_changed(-40, 50, 20, 0), -40) << "a debt stays";
    // Whoever writes limits in turn gets nothing by it.
    std::int64_t budget = 0;
    for (int i = 0; i < 100; ++i) {
        budget = rl_limit_changed(budget, 50, 200, 0);
        budget = rl_limit_changed(budget, 200, 50, 0);
    }
    EXPECT_LE(budget, 50);
}

TEST(LimitMath, ASliceIsWhatTheBudgetAllowsDividedAmongThoseThatRun) {
    EXPECT_EQ(rl_limit_slice(100 * kMs, 1, 20 * kMs), 20 * kMs);
    EXPECT_EQ(rl_limit_slice(10 * kMs, 1, 20 * kMs), 10 * kMs);
    EXPECT_EQ(rl_limit_slice(10 * kMs, 4, 20 * kMs), 10 * kMs / 4);
    EXPECT_EQ(rl_limit_slice(1, 4, 20 * kMs), RL_LIMIT_SLICE_MIN_NS);
    EXPECT_EQ(rl_limit_slice(1, 0, 20 * kMs), RL_LIMIT_SLICE_MIN_NS);
    EXPECT_EQ(rl_limit_slice(1, 1, 1000), 1000U) << "never longer than the slice";
}

TEST(LimitMath, AsManyAreLetGoAsTheBudgetHasTurnsFor) {
    EXPECT_TRUE(rl_limit_has_turn(kMs, 0));
    EXPECT_FALSE(rl_limit_has_turn(kMs, 1));
    EXPECT_TRUE(rl_limit_has_turn(50 * kMs, 49));
    EXPECT_FALSE(rl_limit_has_turn(50 * kMs, 50));
    EXPECT_TRUE(rl_limit_has_turn(1, 0)) << "one in any case";
    EXPECT_FALSE(rl_limit_has_turn(0, 0));
}

TEST(LimitMath, TheLargestLimitsDoNotOverflow) {
    constexpr std::uint64_t kLargest = (1ULL << 44) * 1000; // more than any kernel takes
    EXPECT_EQ(rl_limit_refilled(0, 3, kLargest, kLargest, 1000 * kMs),
              static_cast<std::int64_t>(2 * kLargest));
    const std::int64_t after_debt = rl_limit_refilled(-(1LL << 62), 1, kLargest, kLargest, kMs);
    EXPECT_GT(after_debt, 0) << "no machine can be in debt for long with such a quota";
    EXPECT_LT(after_debt, static_cast<std::int64_t>(kLargest));
    EXPECT_EQ(rl_limit_slice(2 * kLargest, 4, 20 * kMs), 20 * kMs);
}
