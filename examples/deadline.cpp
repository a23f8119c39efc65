// SPDX-License-Identifier: GPL-2.0-only
// Earliest deadline first: a task is due when it should be done, by how long its bursts of work
// were so far. Those that need a CPU for a moment only interrupt those that compute.
#include <algorithm>
#include <rustland/policy/run_queue.hpp>
#include <rustland/run_policy.hpp>

using namespace rustland;

class Deadline final : public Policy {
  public:
    explicit Deadline(const PolicyContext& context)
        : slice_(context.slice_max), queue_(context.capacity, context.memory.resource()) {}

    const char* name() const override { return "example-deadline"; }

    bool enqueue(const QueuedTask& task, Nanos now) override {
        // What the policy noted about the task with its last decision: the kernel side keeps that.
        const Nanos mean{static_cast<std::int64_t>(task.state[0])};
        const std::uint64_t sleeps_then = task.state[1];
        const Nanos computed_then{static_cast<std::int64_t>(task.state[2])};
        const auto bursts = static_cast<std::int64_t>(task.sleeps - sleeps_then);
        const Nanos computed = task.sum_exec - computed_then;
        const Nanos last = bursts > 0 ? computed / bursts : task.burst_exec;
        const Nanos burst = std::min(std::max((mean * 3 + last) / 4, task.burst_exec), kLongest);

        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = slice_ / (1 + task.nr_waiting);
        decision.slice = std::max(decision.slice, millis(2));
        // More weight, less time: nice and cpu.weight, 100 is normal.
        decision.key = burst * 100 / task.weight;
        decision.deadline = now + std::min(decision.key, kLongest);
        decision.preempt = task.wakeup; // takes a CPU from one with a larger key
        decision.state = {static_cast<std::uint64_t>(burst.value), task.sleeps,
                          static_cast<std::uint64_t>(task.sum_exec.value)};
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos /*now*/) override {
        if (queue_.empty())
            return std::nullopt;
        return queue_.pop();
    }
    std::size_t waiting() const override { return queue_.size(); }

  private:
    static constexpr Nanos kLongest = millis(200); // the longest distance of a deadline
    Nanos slice_;
    RunQueue queue_;
};

int main(int argc, char** argv) { return run_policy<Deadline>(argc, argv); }
