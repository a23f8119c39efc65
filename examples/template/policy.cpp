// SPDX-License-Identifier: GPL-2.0-only
#include "policy.hpp"

#include <algorithm>

using namespace rustland;

// All memory is taken here: enqueue() and pick() must not ask for any.
MyPolicy::MyPolicy(const PolicyContext& context)
    : slice_(context.slice_max / 4), queue_(context.capacity, context.memory.resource()) {}

bool MyPolicy::enqueue(const QueuedTask& task, Nanos now) {
    Decision decision;
    decision.seq = task.seq;
    decision.pid = task.pid;
    decision.slice = slice_;
    // Tasks run in the order of their deadlines. A deadline is a point in time, so that whoever
    // waits comes before all that come much later.
    decision.deadline = now + std::min(task.burst_exec, millis(100));
    return queue_.push(decision);
}

std::optional<Decision> MyPolicy::pick(Nanos /*now*/) {
    if (queue_.empty())
        return std::nullopt;
    return queue_.pop();
}
