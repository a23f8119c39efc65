// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/core/dispatch_loop.hpp"

namespace rustland {

DispatchLoop::Round DispatchLoop::run_once(Nanos now) {
    collect(now);
    while (batched_ < batch_.size()) {
        const auto decision = policy_.pick(now);
        if (!decision)
            break;
        batch_[batched_] = *decision;
        tries_[batched_++] = 0;
    }
    if (received_count_ == 0 && batched_ == 0)
        return Round::Idle;
    counters_.rounds.add();
    commit();
    return batched_ > 0 ? Round::Retry : Round::Done;
}

// Reads no more than the batch has room for, so that a task refused by the policy always fits.
void DispatchLoop::collect(Nanos now) {
    received_count_ = kernel_.receive(std::span(received_).first(received_.size() - batched_));
    counters_.received.add(received_count_);
    for (const QueuedTask& task : std::span(received_).first(received_count_)) {
        if (!policy_.enqueue(task, now))
            decide_without_policy(task);
    }
}

void DispatchLoop::decide_without_policy(const QueuedTask& task) {
    counters_.no_room.add();
    Decision decision;
    decision.seq = task.seq;
    decision.pid = task.pid;
    decision.slice = slice_;
    decision.deadline = task.enqueued_at;
    decision.state = task.state;
    batch_[batched_] = decision;
    tries_[batched_++] = 0;
}

// Keeps the decisions that must be said again at the front of the batch.
void DispatchLoop::commit() {
    kernel_.commit(std::span(batch_).first(batched_), std::span(results_).first(batched_));
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batched_; ++i) {
        switch (results_[i]) {
        case CommitResult::Moved:
            counters_.moved.add();
            break;
        case CommitResult::Stale:
            counters_.stale.add();
            break;
        case CommitResult::Retry:
            counters_.retried.add();
            if (tries_[i] + 1 >= kMaxRetries) {
                counters_.given_up.add();
                break;
            }
            batch_[kept] = batch_[i];
            tries_[kept++] = tries_[i] + 1;
            break;
        }
    }
    batched_ = kept;
}

} // namespace rustland
