// SPDX-License-Identifier: GPL-2.0-only
// Earliest deadline first: a task is due when it should be done, by how long its bursts of work
// were so far and by what it deserves of the machine. Those that need a CPU for a moment only
// interrupt those that compute.
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
        const Nanos burst = std::min(std::max((mean * 3 + last) / 4, task.burst_exec), kLargest);

        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = slice_ / (1 + task.nr_waiting);
        decision.slice = std::max(decision.slice, millis(2));
        // The time in which it deserves its burst, less what it is owed; the weights of all tasks
        // and groups are in both. A stretch of 1024 is a whole CPU for it, 2048 half of one.
        const Nanos due = (burst - task.lag) * task.stretch / 1024;
        decision.key = std::clamp(due, Nanos{} - kFarthest, kFarthest);
        decision.deadline = now + decision.key;
        decision.request = burst;       // goes on after its slice while it would come first
        decision.preempt = task.wakeup; // takes a CPU from one with a larger key
        // The kernel side reckons the same for the next wake-ups, without asking.
        decision.standing.valid_for = task.wakeup ? millis(50) : Nanos{};
        decision.standing.valid_exec = millis(10);
        decision.standing.due_min = Nanos{} - kFarthest;
        decision.standing.due_max = kFarthest;
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
    static constexpr Nanos kLargest = millis(20);   // no burst counts for more
    static constexpr Nanos kFarthest = millis(200); // the farthest that a deadline is away
    Nanos slice_;
    RunQueue queue_;
};

int main(int argc, char** argv) { return run_policy<Deadline>(argc, argv); }
