// SPDX-License-Identifier: GPL-2.0-only
// First come, first served, all with the same slice: the least that a policy can be.
#include <rustland/policy/run_queue.hpp>
#include <rustland/run_policy.hpp>

using namespace rustland;

class Fifo final : public Policy {
  public:
    explicit Fifo(const PolicyContext& context)
        : slice_(context.slice_max), queue_(context.capacity, context.memory.resource()) {}

    const char* name() const override { return "example-fifo"; }

    bool enqueue(const QueuedTask& task, Nanos /*now*/) override {
        Decision decision;
        decision.seq = task.seq; // which task, and which of its enqueues
        decision.pid = task.pid;
        decision.slice = slice_;
        decision.deadline = task.enqueued_at; // who comes first, runs first
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos /*now*/) override {
        if (queue_.empty())
            return std::nullopt;
        return queue_.pop();
    }
    std::size_t waiting() const override { return queue_.size(); }

  private:
    Nanos slice_;
    RunQueue queue_;
};

int main(int argc, char** argv) { return run_policy<Fifo>(argc, argv); }
