// SPDX-License-Identifier: GPL-2.0-only
// A task comes and another goes, while so many wait: what a policy costs for each decision.
#include "no_allocation.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/policy/fifo_policy.hpp"
#include "tasks.hpp"

using namespace rustland;
using namespace rustland::micro;

namespace {

constexpr Nanos kBetween = micros(100); // one decision and the next

void enqueue_and_pick(benchmark::State& state, Policy& policy) {
    const auto waiting = static_cast<std::size_t>(state.range(0));
    Tasks tasks(waiting);
    Nanos now = seconds(1000);
    for (std::size_t i = 0; i < waiting; ++i)
        if (!policy.enqueue(tasks.next(i, now), now))
            return fail(state, "the policy has no room");
    NoAllocation none(state);
    while (state.KeepRunning()) {
        now += kBetween;
        const auto decision = policy.pick(now);
        if (!decision)
            return fail(state, "the policy forgot a task");
        tasks.decided(*decision);
        if (!policy.enqueue(tasks.next(Tasks::index_of(*decision), now), now))
            return fail(state, "the policy has no room");
        // The library's own work between two batches allocates nothing in this loop.
    }
    if (policy.waiting() != waiting)
        fail(state, "the policy lost a task");
}

void deadline(benchmark::State& state) {
    DeadlinePolicy policy({.nr_cpus = 4}, static_cast<std::size_t>(state.range(0)) + 1);
    enqueue_and_pick(state, policy);
}

void fifo(benchmark::State& state) {
    FifoPolicy policy(millis(5), static_cast<std::size_t>(state.range(0)) + 1);
    enqueue_and_pick(state, policy);
}

} // namespace

BENCHMARK(deadline)->Name("enqueue and pick, deadline")->RangeMultiplier(10)->Range(10, 100'000);
BENCHMARK(fifo)->Name("enqueue and pick, fifo")->RangeMultiplier(10)->Range(10, 100'000);
