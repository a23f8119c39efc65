// SPDX-License-Identifier: GPL-2.0-only
// No task waits longer than a bound that follows from the numbers of the deadline policy.
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/testing/simulation.hpp"
#include "support/random_task.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <utility>

using namespace rustland;
using namespace rustland::testing;

namespace {

// How long a task waits at most, from its enqueue to its start.
//
// Its deadline is at most deadline_bound after the moment of the decision, and every later decision
// has a deadline of at least its own moment minus lag_credit. So from lag_credit + deadline_bound
// on, nobody who is enqueued anew comes before it. By then at most the other tasks are before it,
// each once and for at most slice_max, on all CPUs of its queue at the same time; a CPU that has
// just started one adds one slice more. A late decision adds its latency.
Nanos waiting_bound(const DeadlineParams& params, std::size_t tasks, std::size_t cpus,
                    Nanos latency) {
    const auto turns = static_cast<std::int64_t>((tasks + cpus - 1) / cpus);
    return params.credit + DeadlinePolicy::deadline_bound(params) + params.slice_max * (turns + 1) +
           latency;
}

} // namespace

TEST(WaitingBound, WaitingTimeIsBounded) {
    for (std::uint64_t seed = 1; seed <= 300 / kRunsShare; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed);
        Random random(seed);
        const std::size_t cpus = random.between(1, 4);
        DeadlineParams params;
        params.nr_cpus = static_cast<std::uint32_t>(cpus);
        auto sim = std::make_unique<Simulation<DeadlinePolicy>>(MachineParams{.cpus = cpus}, params,
                                                                std::size_t{4096});
        const std::size_t tasks = random.between(2, 30);
        const Nanos latency = random.chance(50) ? Nanos{} : random.up_to(millis(5));
        const bool narrow = random.chance(30);
        for (std::size_t i = 0; i < tasks; ++i) {
            TaskSpec spec = random_task(random, cpus, false);
            if (!narrow)
                spec.allowed.set();
            sim->kernel.spawn(std::move(spec));
        }
        // With narrow affinities all may want the same CPU.
        const Nanos bound = waiting_bound(params, tasks, narrow ? 1 : cpus, latency);
        Nanos longest;
        sim->kernel.on_start = [&](const Start& start) {
            longest = std::max(longest, start.waited);
        };
        sim->run_for(seconds(2), latency);
        ASSERT_LE(longest, bound) << longest.value << " ns of " << bound.value;
    }
}

TEST(WaitingBound, AnOldHogIsNotStarvedByAStreamOfNewShortTasks) {
    for (const std::uint32_t weight : {1U, 100U}) {
        for (const std::size_t cpus : {std::size_t{1}, std::size_t{3}}) {
            DeadlineParams params;
            params.nr_cpus = static_cast<std::uint32_t>(cpus);
            Simulation<DeadlinePolicy> sim(MachineParams{.cpus = cpus}, params, std::size_t{4096});
            const Pid old = sim.kernel.spawn(hog(weight));
            for (std::size_t i = 0; i < cpus; ++i)
                sim.kernel.spawn(hog(10000));
            sim.run_for(seconds(1));
            // One new task of 1 ms per CPU each millisecond: more than the machine can do, and
            // each looks more urgent than the hog.
            Nanos longest;
            std::size_t most = 0;
            std::uint64_t turns = 0;
            sim.kernel.on_start = [&](const Start& start) {
                if (start.pid != old)
                    return;
                ++turns;
                longest = std::max(longest, start.waited);
            };
            for (int ms = 0; ms < 3000; ++ms) {
                for (std::size_t i = 0; i < cpus; ++i)
                    sim.kernel.spawn(once(millis(1)));
                sim.run_for(millis(1));
                most = std::max(most, sim.kernel.waiting());
            }
            const Nanos bound = waiting_bound(params, most + cpus + 1, cpus, {});
            EXPECT_GE(turns, 3U) << "weight " << weight << ", " << cpus << " CPUs";
            EXPECT_LE(longest, bound) << longest.value << " ns, weight " << weight;
            // The stream's tasks take 1 ms each, so that what is before it is worth far less.
            EXPECT_LE(longest, seconds(1)) << longest.value << " ns, weight " << weight;
        }
    }
}

TEST(WaitingBound, ANice19TaskAmongHeavyOnesWaitsNoLongerThanTheBound) {
    for (const std::size_t others : {std::size_t{1}, std::size_t{4}, std::size_t{40}}) {
        const DeadlineParams params;
        Simulation<DeadlinePolicy> sim(MachineParams{}, params, std::size_t{4096});
        const Pid nice = sim.kernel.spawn(hog(1));
        for (std::size_t i = 0; i < others; ++i)
            sim.kernel.spawn(i % 2 == 0 ? hog(10000) : periodic(millis(3), millis(2), 10000));
        sim.run_for(seconds(10));
        EXPECT_LE(sim.kernel.stats(nice).longest_wait, waiting_bound(params, others + 1, 1, {}));
        EXPECT_GE(sim.kernel.stats(nice).starts, 8U) << others << " others";
    }
}
