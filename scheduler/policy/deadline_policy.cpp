// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/policy/deadline_policy.hpp"

#include <algorithm>
#include <bit>

namespace rustland {
namespace {

// What the policy remembers of a task, in the four words of PolicyState.
struct Memory {
    Nanos vruntime;
    Nanos seen_exec;           // sum_exec at the last decision
    std::uint64_t seen_sleeps; // sleeps at the last decision
    Nanos mean_burst;

    static Memory from(const PolicyState& state) {
        return {Nanos{std::bit_cast<std::int64_t>(state[0])},
                Nanos{std::bit_cast<std::int64_t>(state[1])}, state[2],
                Nanos{std::bit_cast<std::int64_t>(state[3])}};
    }
    [[nodiscard]] PolicyState to_state() const {
        return {std::bit_cast<std::uint64_t>(vruntime.value),
                std::bit_cast<std::uint64_t>(seen_exec.value), seen_sleeps,
                std::bit_cast<std::uint64_t>(mean_burst.value)};
    }
};

// Weight of the newest burst in the mean: 1/4 reacts within a few frames.
constexpr int kBurstMeanShift = 2;
// The same for the clock of all tasks.
constexpr int kClockShift = 5;
// CPU time charged at once. More than any debt is worth, for every weight, and small enough for
// the arithmetic: a task that has had a CPU to itself may come with months of it.
constexpr Nanos kMaxCharge = seconds(36000);

// Brings the mean burst up to date with what the task did since the last decision. Bursts that it
// ran without asking us count by their average.
void learn_burst(Memory& memory, const QueuedTask& task) {
    const std::uint64_t slept = task.sleeps - memory.seen_sleeps;
    if (slept == 0)
        return;
    const Nanos finished = task.sum_exec - memory.seen_exec;
    const Nanos sample = finished / static_cast<std::int64_t>(slept);
    if (memory.seen_sleeps == 0)
        memory.mean_burst = sample;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(slept, 4); ++i)
        memory.mean_burst += Nanos{(sample - memory.mean_burst).value >> kBurstMeanShift};
}

} // namespace

Nanos DeadlinePolicy::slice_for(const QueuedTask& task) const {
    const std::int64_t per_cpu = 1 + std::int64_t{task.nr_waiting / std::max(params_.nr_cpus, 1U)};
    return std::max(params_.slice_max / per_cpu, params_.slice_min);
}

bool DeadlinePolicy::enqueue(const QueuedTask& task, Nanos now) {
    Memory memory = Memory::from(task.state);
    const bool is_new = memory.seen_exec.value == 0 && memory.vruntime.value == 0;
    if (is_new)
        memory.vruntime = vclock_;
    learn_burst(memory, task);

    const Nanos burst =
        std::clamp(std::max(memory.mean_burst, task.burst_exec), micros(100), params_.burst_cap);
    const std::int64_t boost = std::clamp<std::int64_t>(
        params_.boost_burst.value * 16 / burst.value, 16, std::int64_t{params_.boost_max} * 16);

    const Nanos used = std::min(task.sum_exec - memory.seen_exec, kMaxCharge);
    memory.vruntime += used * 100 * 16 / (std::int64_t{task.weight} * boost);
    memory.seen_exec = task.sum_exec;
    memory.seen_sleeps = task.sleeps;

    // The clock follows the mean of those that compete, and never goes back.
    const Nanos ahead = memory.vruntime - vclock_;
    if (ahead.value > 0)
        vclock_ += Nanos{std::min(ahead, params_.lag_debt).value >> kClockShift};
    const Nanos lag =
        std::clamp(memory.vruntime - vclock_, Nanos{} - params_.lag_credit, params_.lag_debt);
    memory.vruntime = vclock_ + lag;

    Decision decision;
    decision.seq = task.seq;
    decision.pid = task.pid;
    decision.slice = slice_for(task);
    decision.key = lag + burst;
    decision.deadline = now + decision.key;
    decision.preempt = task.wakeup;
    decision.state = memory.to_state();
    return queue_.push(decision);
}

std::optional<Decision> DeadlinePolicy::pick(Nanos) {
    if (queue_.empty())
        return std::nullopt;
    return queue_.pop();
}

} // namespace rustland
