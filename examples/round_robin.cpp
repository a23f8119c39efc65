// SPDX-License-Identifier: GPL-2.0-only
// Processes take turns, whatever the number of their threads: one that computes with a hundred
// threads gets no more than one that computes with a single one.
#include <algorithm>
#include <rustland/policy/run_queue.hpp>
#include <rustland/policy/task_map.hpp>
#include <rustland/run_policy.hpp>

using namespace rustland;

// Of each process: when its last turn is due. Freed by the library when the process exits.
class RoundRobin final : public TaskPolicy<Nanos> {
  public:
    explicit RoundRobin(const PolicyContext& context)
        : TaskPolicy(context.capacity, context.memory.resource()),
          queue_(context.capacity, context.memory.resource()) {}

    const char* name() const override { return "example-round-robin"; }

    bool enqueue(const QueuedTask& task, Nanos now) override {
        Nanos& turn = tasks()[task.tgid];
        // The threads of a process stand in line, one slice behind the other. Deadlines are points
        // in time, so that everybody's turn comes; the bound keeps that time short.
        turn = std::clamp(turn + kSlice, now, now + kLongestLine);
        Decision decision;
        decision.seq = task.seq;
        decision.pid = task.pid;
        decision.slice = kSlice;
        decision.deadline = turn;
        return queue_.push(decision);
    }
    std::optional<Decision> pick(Nanos /*now*/) override {
        if (queue_.empty())
            return std::nullopt;
        return queue_.pop();
    }
    std::size_t waiting() const override { return queue_.size(); }

  private:
    static constexpr Nanos kSlice = millis(4);
    static constexpr Nanos kLongestLine = millis(200);
    RunQueue queue_;
};

int main(int argc, char** argv) { return run_policy<RoundRobin>(argc, argv); }
