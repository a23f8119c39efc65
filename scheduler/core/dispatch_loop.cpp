// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/core/dispatch_loop.hpp"

#include <exception>

namespace rustland {

DispatchLoop::Round DispatchLoop::run_once(Nanos now) {
    if (tick_interval_.value > 0)
        tick(now);
    if (wants_exits_)
        collect_exits(now);
    collect(now);
    pick(now);
    if (received_count_ == 0 && batched_ == 0)
        return Round::Idle;
    counters_.rounds.add();
    commit();
    return batched_ > 0 ? Round::Retry : Round::Done;
}

std::size_t DispatchLoop::waiting() {
    std::size_t count = 0;
    guarded(PolicyCall::Waiting, [&] { count = policy_.waiting(); });
    return count;
}

// Costs two stores where nothing is thrown.
template <typename Ask> bool DispatchLoop::guarded(PolicyCall call, Ask ask) {
    counters_.fault.enter(call);
    try {
        ask();
        counters_.fault.leave();
        return true;
    } catch (const std::exception& error) {
        counters_.fault.note(error.what());
    } catch (...) {
        counters_.fault.note("an exception of its own kind");
    }
    counters_.fault.leave();
    counters_.policy_errors.add();
    return false;
}

void DispatchLoop::tick(Nanos now) {
    if (last_tick_ && now - *last_tick_ < tick_interval_)
        return;
    last_tick_ = now;
    guarded(PolicyCall::Tick, [&] { policy_.tick(now); });
}

void DispatchLoop::collect_exits(Nanos now) {
    const std::size_t count = kernel_.receive_exited(exited_);
    counters_.exits.add(count);
    for (const Pid pid : std::span(exited_).first(count))
        guarded(PolicyCall::Exited, [&] { policy_.exited(pid, now); });
}

// Reads no more than the batch has room for, so that a task refused by the policy always fits.
void DispatchLoop::collect(Nanos now) {
    received_count_ = kernel_.receive(std::span(received_).first(received_.size() - batched_));
    counters_.received.add(received_count_);
    const auto tasks = std::span(received_).first(received_count_);
    std::size_t taken = 0;
    while (taken < tasks.size()) {
        const bool calm = guarded(PolicyCall::Enqueue, [&] {
            for (; taken < tasks.size(); ++taken) {
                if (policy_.enqueue(tasks[taken], now))
                    continue;
                counters_.no_room.add();
                decide_without_policy(tasks[taken]);
            }
        });
        if (!calm)
            decide_without_policy(tasks[taken++]);
    }
}

// After an exception the rest waits for the next round: nobody knows whose turn it was.
void DispatchLoop::pick(Nanos now) {
    guarded(PolicyCall::Pick, [&] {
        while (batched_ < batch_.size()) {
            const auto decision = policy_.pick(now);
            if (!decision)
                break;
            batch_[batched_] = *decision;
            tries_[batched_++] = 0;
        }
    });
}

void DispatchLoop::decide_without_policy(const QueuedTask& task) {
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
