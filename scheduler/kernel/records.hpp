// SPDX-License-Identifier: GPL-2.0-only
// Between the records that the kernel side shares with us and the policy's types. Pure.
#pragma once

#include "rustland/policy/policy.hpp"
#include "rustland_abi.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace rustland {

inline QueuedTask to_task(const rl_queued& record) {
    QueuedTask task;
    task.seq = record.seq;
    task.enqueued_at = Nanos{static_cast<std::int64_t>(record.enqueued_at)};
    task.sum_exec = Nanos{static_cast<std::int64_t>(record.sum_exec)};
    task.burst_exec = Nanos{static_cast<std::int64_t>(record.burst_exec)};
    task.last_sleep = Nanos{static_cast<std::int64_t>(record.last_sleep)};
    task.sleeps = record.sleeps;
    task.state = std::bit_cast<PolicyState>(record.state);
    task.pid = Pid{record.pid};
    task.tgid = Pid{record.tgid};
    task.cpu = CpuId{record.cpu};
    task.weight = record.weight;
    task.lag = Nanos{record.lag};
    task.stretch = record.stretch;
    task.nr_cpus_allowed = record.nr_cpus_allowed;
    task.nr_waiting = record.nr_waiting;
    task.task_class = static_cast<TaskClass>(record.task_class);
    task.wakeup = (record.flags & RL_QUEUED_WAKEUP) != 0;
    task.restricted = (record.flags & RL_QUEUED_RESTRICTED) != 0;
    task.batch = (record.flags & RL_QUEUED_BATCH) != 0;
    task.called = (record.flags & RL_QUEUED_CALLED) != 0;
    return task;
}

// A time as a narrower field of the table, cut to what it holds.
template <typename T> T to_field(Nanos time) {
    return static_cast<T>(std::clamp<std::int64_t>(time.value, std::numeric_limits<T>::min(),
                                                   std::numeric_limits<T>::max()));
}

inline rl_decision to_row(const Decision& decision) {
    rl_decision row{};
    row.seq = decision.seq;
    row.slice = static_cast<std::uint64_t>(decision.slice.value);
    row.deadline = static_cast<std::uint64_t>(decision.deadline.value);
    row.key = decision.key.value;
    row.request = static_cast<std::uint64_t>(std::max(decision.request.value, std::int64_t{0}));
    row.bias = decision.bias.value;
    row.state = std::bit_cast<rl_state>(decision.state);
    row.pid = decision.pid.value;
    row.cpu = decision.cpu.value;
    row.flags = (decision.preempt ? std::uint32_t{RL_DECISION_PREEMPT} : 0U) |
                (decision.goes_on ? std::uint32_t{RL_DECISION_GOES_ON} : 0U) |
                (decision.aged ? std::uint32_t{RL_DECISION_AGED} : 0U) |
                (decision.standing.own_key ? std::uint32_t{RL_DECISION_OWN_KEY} : 0U);
    const Standing& standing = decision.standing;
    row.valid_for = to_field<std::uint32_t>(standing.valid_for);
    row.valid_exec = to_field<std::uint32_t>(standing.valid_exec);
    row.due_min = to_field<std::int32_t>(standing.due_min);
    row.due_max = to_field<std::int32_t>(standing.due_max);
    row.rate = standing.rate;
    return row;
}

} // namespace rustland
