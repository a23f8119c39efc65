// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/policy/deadline_policy.hpp"

#include "fair_math.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace rustland {
namespace {

// What the policy remembers of a task, in three of the four words of PolicyState.
struct Memory {
    Nanos seen_exec;           // sum_exec at the last decision
    Nanos burst_start;         // sum_exec when the burst of the last decision began
    std::uint32_t seen_sleeps; // sleeps at the last decision, modulo 2^32
    Nanos mean_burst;          // kept in whole microseconds, up to 71 minutes

    static Memory from(const PolicyState& state) {
        return {Nanos{std::bit_cast<std::int64_t>(state[1])},
                Nanos{std::bit_cast<std::int64_t>(state[2])}, static_cast<std::uint32_t>(state[3]),
                micros(static_cast<std::int64_t>(state[3] >> 32))};
    }
    [[nodiscard]] PolicyState to_state() const {
        const auto mean_us = static_cast<std::uint64_t>(
            std::clamp<std::int64_t>(mean_burst.value / 1000, 0, UINT32_MAX));
        return {0, std::bit_cast<std::uint64_t>(seen_exec.value),
                std::bit_cast<std::uint64_t>(burst_start.value), mean_us << 32 | seen_sleeps};
    }
};

// Weight of the newest burst in the mean: 1/4 reacts within a few frames.
constexpr int kBurstMeanShift = 2;
// CPU time counted at once, small enough for the arithmetic: a task that has had a CPU to itself
// may come with months of it.
constexpr Nanos kMaxCharge = seconds(36000);
// The foreground counts as there for so long after its last decision.
constexpr Nanos kForegroundSpan = seconds(1);
// Others count as wanting CPU time for so long after their last decision: longer than any of them
// waits.
constexpr Nanos kOtherSpan = seconds(1);
// Owed CPU time at which the foreground loses its credit.
constexpr Nanos kMostOwed = millis(50);
// Farthest deadline of a foreground task, before its credit.
constexpr Nanos kForegroundFarthest = millis(50);
// A decision about a task that wakes up holds for so long, and for so much of its CPU time: what
// the foreground and the others got is counted when they are asked about again.
constexpr Nanos kStandsFor = millis(100);
constexpr Nanos kStandsExec = millis(8);
constexpr Nanos kShortestRequest = micros(100);
// What the foreground wakes inherits its urgency if it is done so soon …
constexpr Nanos kInheritingBurst = millis(2);
// … and all of it together gets at most this part of the machine, in percent, by and large: so much
// may be ahead of it.
constexpr std::int64_t kInheritedPercent = 5;
constexpr Nanos kMostInherited = millis(10);
// Of the tasks that wait for each CPU so many shorten the slices. Who is in a hurry interrupts, so
// shorter slices would help nobody and cost a task switch and a decision each.
constexpr std::int64_t kMostSlices = 4;

// The kernel side keeps a lag within these bounds; a trace that is replayed may hold anything.
Nanos bounded(Nanos lag) { return std::clamp(lag, Nanos{RL_LAG_MIN_NS}, Nanos{RL_LAG_MAX_NS}); }

// Brings the mean burst up to date with the bursts that ended since the last decision. They count
// whole, whatever number of slices they took, and by their average if there were several.
void learn_burst(Memory& memory, const QueuedTask& task) {
    const std::uint32_t slept = static_cast<std::uint32_t>(task.sleeps) - memory.seen_sleeps;
    const Nanos burst_start = task.sum_exec - task.burst_exec;
    const Nanos finished = burst_start - memory.burst_start;
    memory.burst_start = burst_start;
    if (slept == 0)
        return;
    const Nanos sample = finished / std::int64_t{slept};
    if (memory.seen_sleeps == 0)
        memory.mean_burst = sample;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(slept, 4); ++i)
        memory.mean_burst += Nanos{(sample - memory.mean_burst).value >> kBurstMeanShift};
}

} // namespace

Nanos DeadlinePolicy::slice_for(const QueuedTask& task, Nanos mean_burst, Nanos cap) const {
    const std::int64_t per_cpu =
        std::min(1 + std::int64_t{task.nr_waiting} / std::int64_t{std::max(params_.nr_cpus, 1U)},
                 kMostSlices);
    // Nothing that waits would be preferred to it, so short slices would only cost.
    if (task.task_class == TaskClass::Foreground)
        return params_.slice_max;
    const Nanos whole_burst = mean_burst * 5 / 4;
    const Nanos slice = std::max(params_.slice_max / per_cpu,
                                 whole_burst < params_.slice_max ? whole_burst : Nanos{});
    return std::max(std::min(slice, cap), params_.slice_min);
}

// A budget between the foreground and the rest. It counts only while the rest wants CPUs at all.
void DeadlinePolicy::account_shares(bool foreground, Nanos used, Nanos now) {
    if (!foreground) {
        if (now - last_other_ >= kOtherSpan)
            others_since_ = now;
        last_other_ = now;
        owed_ -= used;
    } else {
        last_foreground_ = now;
        // A game alone is not asked about for minutes: what it used then it took from nobody.
        if (now - last_other_ < kOtherSpan)
            owed_ += std::min(used, now - others_since_) * params_.others_share /
                     (100 - params_.others_share);
    }
    owed_ = std::clamp(owed_, Nanos{} - kMostOwed, kMostOwed);
    if (owed_ == kMostOwed)
        repaying_ = true;
    else if (owed_.value <= 0)
        repaying_ = false;
}

// Whether a task that the foreground has woken comes as early as the foreground: if it is about to
// be done in a moment, and while all such tasks together stay within a small part of the machine.
// What it used last time counts, since that is known.
bool DeadlinePolicy::inherits(Nanos mean_burst, Nanos used, Nanos now) {
    const Nanos elapsed = std::min(now - inherited_at_, seconds(1));
    inherited_at_ = now;
    inherited_ -= elapsed * std::int64_t{std::max(params_.nr_cpus, 1U)} * kInheritedPercent / 100;
    inherited_ = std::max(inherited_, Nanos{});
    if (mean_burst >= kInheritingBurst || inherited_ >= kMostInherited)
        return false;
    inherited_ += std::min(used, std::max(mean_burst * 4, kStandsExec));
    inherits_.add();
    return true;
}

// By what rule a task is due that comes first, or beside a foreground. Decisions are made by it,
// whether they stand or not.
Standing DeadlinePolicy::rule_for(bool first, bool beside) const {
    Standing rule;
    rule.valid_for = kStandsFor;
    rule.valid_exec = kStandsExec;
    rule.due_min = Nanos{} - params_.credit;
    rule.due_max = first ? std::min(kForegroundFarthest, params_.wait_max) : params_.wait_max;
    rule.rate = beside ? kSqueeze : RL_RATE_ONE;
    rule.own_key = first;
    return rule;
}

bool DeadlinePolicy::enqueue(const QueuedTask& task, Nanos now) {
    Memory memory = Memory::from(task.state);
    learn_burst(memory, task);
    const Nanos used = std::min(task.sum_exec - memory.seen_exec, kMaxCharge);
    memory.seen_exec = task.sum_exec;
    memory.seen_sleeps = static_cast<std::uint32_t>(task.sleeps);
    account_shares(task.task_class == TaskClass::Foreground, used, now);

    const bool background = task.task_class == TaskClass::Background;
    // What a task that deserves very little would wait for with a larger request is too long.
    const Nanos cap{rl_request_cap(task.stretch)};
    const bool known = memory.seen_sleeps != 0 && !background;
    const Nanos wanted = std::max(memory.mean_burst, task.burst_exec);
    const Nanos request = known ? std::clamp(wanted, kShortestRequest, cap) : cap;
    const bool first = task.task_class == TaskClass::Foreground
                           ? !repaying_
                           : task.called && known && inherits(wanted, used, now);
    const bool beside = !first && now - last_foreground_ < kForegroundSpan;
    // A foreground that owes the others something comes after them. Its lag says nothing about
    // that, since it is towards a clock of its own.
    const bool owes = task.task_class == TaskClass::Foreground && !first;
    const Nanos ahead =
        owes ? params_.wait_max
             : Nanos{rl_time_to_deadline(request.value, bounded(task.lag).value, task.stretch)};
    const Standing rule = rule_for(first, beside);
    const Nanos due{
        rl_standing_due(ahead.value, rule.due_min.value, rule.due_max.value, rule.rate)};

    Decision decision;
    decision.seq = task.seq;
    decision.pid = task.pid;
    decision.slice = slice_for(task, known ? memory.mean_burst : Nanos{}, cap);
    decision.aged = owes || ahead > params_.wait_max;
    // Not cut, since the stretch may be another by the time that it is used again.
    decision.request = known ? std::clamp(wanted, kShortestRequest, Nanos{RL_REQUEST_MAX_NS}) : cap;
    if (first)
        decision.bias = Nanos{} - params_.foreground_credit;
    decision.deadline = now + decision.bias + due;
    // Who of the foreground was short of CPU time tells the order, not who interrupts whom.
    decision.key =
        decision.bias +
        (rule.own_key ? decision.request
                      : Nanos{rl_standing_key(request.value, task.stretch, due.value, rule.rate)});
    // With a foreground each slice is asked about, because what it owes is counted then.
    decision.goes_on = !first && !beside;
    decision.preempt = task.wakeup && !background && !task.batch;
    if (task.wakeup && known && !owes)
        decision.standing = rule;
    decision.state = memory.to_state();
    return queue_.push(decision);
}

std::optional<Decision> DeadlinePolicy::pick(Nanos) {
    if (queue_.empty())
        return std::nullopt;
    return queue_.pop();
}

} // namespace rustland
