// SPDX-License-Identifier: GPL-2.0-only
// With user space gone, the kernel side keeps the order by what it knows itself.
#include "rustland/core/dispatch_loop.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/testing/simulation.hpp"

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

using namespace rustland;
using namespace rustland::testing;

TEST(DispatchLoop, WhileUserSpaceIsSilentNewTasksOvertakeNobody) {
    Simulation<DeadlinePolicy> sim({}, DeadlineParams{}, std::size_t{256});
    sim.kernel.spawn(hog());
    const Pid game = sim.kernel.spawn(periodic(millis(2), millis(14)));
    sim.run_for(seconds(1));
    sim.kernel.advance_to(sim.kernel.now() + millis(100)); // the lease is over
    const std::uint64_t unasked = sim.kernel.counters().unasked;
    Nanos longest_wait;
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == game)
            longest_wait = std::max(longest_wait, start.waited);
    };
    for (int burst = 0; burst < 10; ++burst) {
        for (int i = 0; i < 4; ++i)
            sim.kernel.spawn(once(millis(5)));
        sim.kernel.advance_to(sim.kernel.now() + millis(50));
    }
    EXPECT_GT(sim.kernel.counters().unasked, unasked + 40);
    EXPECT_LE(longest_wait, millis(6))
        << "a slice of another task, not the whole burst of new ones";
}

TEST(DispatchLoop, WhileUserSpaceIsSilentWeightsHold) {
    Simulation<DeadlinePolicy> sim({}, DeadlineParams{}, std::size_t{256});
    const Pid light = sim.kernel.spawn(hog(100));
    const Pid heavy = sim.kernel.spawn(hog(300));
    sim.run_for(seconds(1));
    const Nanos light_before = sim.kernel.stats(light).cpu_time;
    const Nanos heavy_before = sim.kernel.stats(heavy).cpu_time;
    sim.kernel.advance_to(sim.kernel.now() + seconds(2));
    const double light_used =
        static_cast<double>((sim.kernel.stats(light).cpu_time - light_before).value);
    const double heavy_used =
        static_cast<double>((sim.kernel.stats(heavy).cpu_time - heavy_before).value);
    EXPECT_NEAR(heavy_used / (light_used + heavy_used), 0.75, 0.02);
}

TEST(DispatchLoop, WhileUserSpaceIsSilentATaskThatDeservesNextToNothingAges) {
    Simulation<DeadlinePolicy> sim({}, DeadlineParams{}, std::size_t{256});
    const Pid light = sim.kernel.spawn(hog(1));
    for (int i = 0; i < 20; ++i)
        sim.kernel.spawn(hog());
    sim.run_for(seconds(2));
    std::vector<Nanos> waits;
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == light)
            waits.push_back(start.waited);
    };
    sim.kernel.advance_to(sim.kernel.now() + seconds(10));
    EXPECT_GE(waits.size(), 10U) << "it starts at all";
    ASSERT_FALSE(waits.empty());
    EXPECT_LE(*std::ranges::max_element(waits), millis(700)) << "300 ms, and all that are overdue";
}
