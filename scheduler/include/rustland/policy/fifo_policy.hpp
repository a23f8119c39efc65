// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"
#include "rustland/policy/run_queue.hpp"

namespace rustland {

// First come, first served, with a fixed slice. The yardstick for every other policy.
class FifoPolicy final : public Policy {
  public:
    FifoPolicy(Nanos slice, std::size_t capacity) : slice_(slice), queue_(capacity) {}

    [[nodiscard]] const char* name() const override { return "fifo"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos) override {
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = slice_;
        decision.deadline = task.enqueued_at;
        return queue_.push(decision);
    }
    [[nodiscard]] std::optional<Decision> pick(Nanos) override {
        if (queue_.empty())
            return std::nullopt;
        return queue_.pop();
    }
    [[nodiscard]] std::size_t waiting() const override { return queue_.size(); }

  private:
    Nanos slice_;
    RunQueue queue_;
};

} // namespace rustland
