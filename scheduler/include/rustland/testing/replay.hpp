// SPDX-License-Identifier: GPL-2.0-only
// A recorded trace in, decisions out: what would this policy have done? Both are JSON, one object a
// line. Times are nanoseconds; lines are in order of time.
//
// A trace has these lines (only `time` and `pid` must be there; the defaults are in brackets):
//
//   {"time":T,"pid":P,"tgid":[P],"cpu":[0],"enqueued_at":[T],"sum_exec":[0],"burst_exec":[0],
//    "last_sleep":[0],"sleeps":[0],"weight":[100],"lag":[0],"stretch":[1024],
//    "nr_cpus_allowed":[1],"nr_waiting":[0],"class":["normal"],"wakeup":[false],
//    "restricted":[false],"batch":[false],"called":[false],
//    "seq":[number of the line]}
//                               the task P is queued; the members are those of QueuedTask, and the
//                               class is normal, foreground or background
//   {"time":T,"exited":P}       it is gone
//
// The answers:
//
//   {"time":T,"pid":P,"seq":N,"cpu":C,"slice":S,"deadline":D,"key":K,"preempt":B,
//    "aged":B,"goes_on":B,"request":R,"bias":I,
//    "standing":{"valid_for":T,"valid_exec":T,"due_min":T,"due_max":T,"rate":N,"own_key":B}}
//                               a decision; cpu is -1 for any; "standing" where it holds for more
//                               than once
//   {"time":T,"pid":P,"seq":N,"refused":true}   the policy had no room for the task
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/policy/policy.hpp"

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace rustland::testing {

struct ReplaySummary {
    std::size_t tasks = 0;     // queued by the trace
    std::size_t exits = 0;     // told by the trace
    std::size_t decisions = 0; // made by the policy
    std::size_t refused = 0;   // tasks that it had no room for
    std::size_t left = 0;      // tasks that it still held at the end
};

// Plays a trace to a policy. All lines of one time come before the policy is asked, and then it is
// asked until it has no more. It gets back the state that it gave with its last decision about a
// task. Ticks come at the times of the trace, as on a machine. A line that cannot be understood is
// an error that names it; the decisions before it are written.
Result<ReplaySummary> replay(std::istream& trace, Policy& policy, std::ostream& decisions);

// One line of a trace, without its end.
std::string trace_line(const QueuedTask& task, Nanos now);
std::string trace_line_of_exit(Pid pid, Nanos now);

// A policy that keeps what another one is told, for replay(). Works on a real machine, too: it
// stops keeping when its room, taken at construction, is used up.
class TraceRecorder final : public Policy {
  public:
    TraceRecorder(Policy& policy, std::size_t room);

    [[nodiscard]] const char* name() const override { return policy_.name(); }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override;
    [[nodiscard]] std::optional<Decision> pick(Nanos now) override { return policy_.pick(now); }
    [[nodiscard]] std::size_t waiting() const override { return policy_.waiting(); }
    [[nodiscard]] bool hands_on() const override { return policy_.hands_on(); }
    [[nodiscard]] bool wants_exits() const override { return policy_.wants_exits(); }
    void exited(Pid pid, Nanos now) override;
    [[nodiscard]] Nanos tick_interval() const override { return policy_.tick_interval(); }
    void tick(Nanos now) override { policy_.tick(now); }
    [[nodiscard]] std::span<const NamedCounter> counters() const override {
        return policy_.counters();
    }

    // All that it has kept. Not while the policy runs.
    void write(std::ostream& trace) const;

  private:
    struct Line {
        QueuedTask task;
        Nanos at;
        bool exit = false; // of task.pid
    };
    Policy& policy_;
    std::size_t room_;
    std::vector<Line> lines_;
};

} // namespace rustland::testing
