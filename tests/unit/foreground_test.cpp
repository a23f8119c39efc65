// SPDX-License-Identifier: GPL-2.0-only
// What the classes mean on a machine over time: the foreground first, the rest never starved.
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/testing/simulation.hpp"
#include "support/random_task.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

using namespace rustland;
using namespace rustland::testing;

namespace {

constexpr std::size_t kRoom = 4096;

TaskSpec in_class(TaskClass task_class, TaskSpec spec) {
    spec.task_class = task_class;
    return spec;
}

DeadlineParams params_for(std::size_t cpus) {
    DeadlineParams params;
    params.nr_cpus = static_cast<std::uint32_t>(cpus);
    return params;
}

std::vector<Pid> spawn_hogs(FakeKernel& kernel, std::size_t n, TaskClass task_class,
                            std::uint32_t weight = 100) {
    std::vector<Pid> pids;
    for (std::size_t i = 0; i < n; ++i)
        pids.push_back(kernel.spawn(in_class(task_class, hog(weight))));
    return pids;
}

double share_of(const FakeKernel& kernel, const std::vector<Pid>& pids, Nanos span,
                std::size_t cpus) {
    double used = 0;
    for (const Pid pid : pids)
        used += static_cast<double>(kernel.stats(pid).cpu_time.value);
    return used / (static_cast<double>(span.value) * static_cast<double>(cpus));
}

} // namespace

TEST(Foreground, AFrameTaskHardlyWaitsAmongHogsHoweverHeavyItsBursts) {
    for (const std::size_t hogs : {std::size_t{4}, std::size_t{32}, std::size_t{128}}) {
        Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 4}, params_for(4), kRoom);
        const Pid game = sim.kernel.spawn(
            in_class(TaskClass::Foreground, periodic(micros(12000), micros(4600))));
        spawn_hogs(sim.kernel, hogs, TaskClass::Normal);
        sim.run_for(seconds(1));
        Nanos longest;
        sim.kernel.on_start = [&](const Start& start) {
            if (start.pid == game)
                longest = std::max(longest, start.waited);
        };
        sim.run_for(seconds(5));
        EXPECT_LE(longest, millis(3)) << hogs << " hogs: " << longest.value << " ns";
    }
}

TEST(Foreground, ShortTasksOfItComeBeforeItsHeavyOnes) {
    Simulation<DeadlinePolicy> sim(MachineParams{}, params_for(1), kRoom);
    const Pid audio =
        sim.kernel.spawn(in_class(TaskClass::Foreground, periodic(micros(300), micros(5000))));
    spawn_hogs(sim.kernel, 3, TaskClass::Foreground);
    sim.run_for(seconds(1));
    Nanos longest;
    sim.kernel.on_start = [&](const Start& start) {
        if (start.pid == audio)
            longest = std::max(longest, start.waited);
    };
    sim.run_for(seconds(5));
    EXPECT_LE(longest, millis(5)) << longest.value << " ns";
}

TEST(Foreground, LeavesTheOthersTheirShareWhenItWantsEverything) {
    for (const std::uint32_t share : {5U, 10U, 30U}) {
        DeadlineParams params = params_for(2);
        params.others_share = share;
        Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 2}, params, kRoom);
        spawn_hogs(sim.kernel, 6, TaskClass::Foreground);
        const auto others = spawn_hogs(sim.kernel, 6, TaskClass::Normal);
        sim.run_for(seconds(20));
        const double got = share_of(sim.kernel, others, seconds(20), 2);
        EXPECT_GE(got, 0.8 * share / 100) << share << " %";
        EXPECT_LE(got, 0.1 + 1.3 * share / 100) << share << " %";
    }
}

TEST(Foreground, TakesAllWhenNobodyElseWantsAnything) {
    Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 2}, params_for(2), kRoom);
    const auto game = spawn_hogs(sim.kernel, 2, TaskClass::Foreground);
    sim.run_for(seconds(5));
    EXPECT_GE(share_of(sim.kernel, game, seconds(5), 2), 0.999);
}

// docs/scheduling.md states the bound: half a second under full foreground load.
TEST(Foreground, NoOtherTaskWaitsLongerThanHalfASecond) {
    MachineParams machine{.cpus = 4};
    Simulation<DeadlinePolicy> sim(machine, params_for(4), kRoom);
    spawn_hogs(sim.kernel, 8, TaskClass::Foreground);
    for (int i = 0; i < 4; ++i)
        sim.kernel.spawn(
            in_class(TaskClass::Foreground, periodic(micros(9000), micros(1000), 10000)));
    std::vector<Pid> others = spawn_hogs(sim.kernel, 4, TaskClass::Normal);
    others.push_back(sim.kernel.spawn(hog(1)));
    others.push_back(sim.kernel.spawn(in_class(TaskClass::Background, hog(1))));
    for (std::size_t cpu = 0; cpu < 4; ++cpu) {
        TaskSpec bound = hog(cpu % 2 == 0 ? 1 : 100);
        bound.allowed = CpuSet(1ULL << cpu);
        others.push_back(sim.kernel.spawn(bound));
    }
    sim.run_for(seconds(20));
    for (const Pid pid : others) {
        EXPECT_LE(sim.kernel.stats(pid).longest_wait, millis(500)) << "pid " << pid.value;
        EXPECT_GE(sim.kernel.stats(pid).starts, 30U) << "pid " << pid.value;
    }
}

TEST(Background, GetsLittleBesideNormalTasksButGetsIt) {
    Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 2}, params_for(2), kRoom);
    const auto background = spawn_hogs(sim.kernel, 3, TaskClass::Background);
    spawn_hogs(sim.kernel, 3, TaskClass::Normal);
    sim.run_for(seconds(20));
    const double got = share_of(sim.kernel, background, seconds(20), 2);
    EXPECT_LE(got, 0.25);
    EXPECT_GE(got, 0.03);
}

TEST(Background, DoesNotInterruptNormalTasks) {
    DeadlinePolicy policy({}, kRoom);
    QueuedTask task;
    task.seq = 1;
    task.wakeup = true;
    task.task_class = TaskClass::Background;
    ASSERT_TRUE(policy.enqueue(task, seconds(1)));
    EXPECT_FALSE(policy.pick(seconds(1))->preempt);
}
