// SPDX-License-Identifier: GPL-2.0-only
// What a scheduling policy is: a pure object that is told which tasks wait and says in which order,
// and for how long, they run.
#pragma once

#include "rustland/common/types.hpp"
#include "rustland/core/counters.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rustland {

// A policy's own memory of one task. It is kept with the task by the kernel side, handed in with
// each QueuedTask, stored again from the Decision, and freed when the task exits. All zero for a
// task that the policy sees for the first time.
using PolicyState = std::array<std::uint64_t, 4>;

// What a task is to the person at the machine; see BpfScheduler::set_process_classes. Children are
// in the class of their parents.
enum class TaskClass : std::uint8_t {
    Normal,
    Foreground, // its frames are being watched
    Background, // nobody waits for it
};

// A task that waits for a decision. Times are CLOCK_MONOTONIC.
struct QueuedTask {
    std::uint64_t seq = 0;    // which enqueue of this task; carried over into the Decision
    Nanos enqueued_at;        // since when it waits
    Nanos sum_exec;           // CPU time since the scheduler was attached
    Nanos burst_exec;         // CPU time since it last slept
    Nanos last_sleep;         // how long its last sleep took
    std::uint64_t sleeps = 0; // how often it has given the CPU up by itself
    PolicyState state{};
    Pid pid;
    Pid tgid;
    CpuId cpu; // where it ran last
    // Its own, from nice: 1 to 10000, 100 is nice 0. The kernel's load weight (15 at nice 19, 1024
    // at 0, 88761 at -20) scaled so that 1024 becomes 100. Its groups are not in it.
    std::uint32_t weight = 100;
    // The CPU time that it deserves by the weights of all tasks and their groups, less what it got:
    // negative if it is in debt. From -60 ms to 40 ms; the kernel side keeps account of it (see
    // docs/scheduling.md).
    Nanos lag;
    // How much real time passes while it deserves a nanosecond of CPU time, in 1/1024: 1024 if it
    // deserves a whole CPU, 4096 for one of 16 equal tasks on four CPUs. 1024 to 1048576.
    std::uint32_t stretch = 1024;
    std::uint32_t nr_cpus_allowed = 0;
    std::uint32_t nr_waiting = 0; // decided tasks that waited for a CPU at that moment
    TaskClass task_class = TaskClass::Normal;
    bool wakeup = false;     // it slept before; otherwise it used its slice up
    bool restricted = false; // it may not run on every online CPU
    bool batch = false;      // SCHED_BATCH or SCHED_IDLE: as under the kernel's own scheduler it
                             // is to interrupt nobody
    bool called = false; // a foreground task woke it, which it is none of itself: it may be what
                         // shows that one's frame or plays its sound
};

// For how long a decision about a task that has woken up holds for its further wake-ups, too. While
// it does, the kernel side answers by itself, without an enqueue(), which costs a fraction and
// comes sooner: by the decision's request, bias, slice and preempt, with the lag and the stretch
// that the task then has,
//
//     due      = clamp((request - lag) * stretch / 1024, due_min, due_max); times rate / 1024 if it
//                is positive
//     deadline = now + bias + due
//     key      = bias + max(due, request * stretch / 1024 * rate / 1024), or with own_key the
//                decision's
//
// The policy is asked again when `valid_for` or `valid_exec` has run out; when the task's class,
// group, nice value or number of allowed CPUs has changed; when it is woken by the foreground and
// was not the last time, or the other way round; when it slept after more than twice its request,
// or after less than a quarter of one above 0.4 ms; and when it has used its slice up.
struct Standing {
    Nanos valid_for;  // since the decision, at most 100 ms; 0: it holds for this once
    Nanos valid_exec; // CPU time that the task may use meanwhile, at most 4 s
    Nanos due_min;    // both within 2 s of 0
    Nanos due_max;
    std::uint32_t rate = 1024; // 0 to 1024: how fast deadline and key grow with the CPU time used
    bool own_key = false;
};

// What becomes of a QueuedTask.
struct Decision {
    std::uint64_t seq = 0; // of the QueuedTask
    Pid pid;
    CpuId cpu = kAnyCpu; // preferred; the kernel side overrides it where affinity forbids it
    Nanos slice;         // longest run before the next decision, > 0
    Nanos deadline;      // tasks of all CPUs run in this order; a point in time, so that it ages
    // How easily a waking task may take the CPU from this one. While it runs, the key grows by one
    // for each nanosecond of CPU time; a waking task with `preempt` set takes the CPU whose key is
    // largest, if it is larger than its own by the preemption margin. The kernel side cuts it to
    // -0.9 s..1 h, so that no decision keeps the scheduler itself from running.
    Nanos key;
    bool preempt = false;
    // The deadline is nearer than its lag would have it, so that it does not wait for too long:
    // when it comes first, that says little about what others deserve.
    bool aged = false;
    // How much CPU time it wants at a time, at most 20 ms; 0: unknown. With `goes_on`, when its
    // slice is used up, it goes on at once, with the same slice, while nothing that waits is due
    // before
    //
    //     now + bias + (max(request, CPU time since it last slept) - lag) * stretch / 1024
    //
    // with the lag and the stretch that it then has; the sum in brackets takes no more than makes
    // 75 ms with the stretch. Without this two tasks on one CPU take turns whatever their weights
    // are, since the one that runs is not in the queue.
    bool goes_on = false;
    Nanos request;
    Nanos bias;
    Standing standing; // needs a request
    PolicyState state{};
};

// A counter of a policy's own, shown in the answers of the statistics socket. Names are words of
// a-z, 0-9 and _.
struct NamedCounter {
    const char* name;
    const Counter* value;
};

// What a policy must have is enqueue(), pick(), waiting() and a name; the rest has defaults that do
// nothing.
//
// Where the comments say nothing else, a function is called on the scheduling thread, and only
// there. It must not block or allocate: what it waits for may be a task that only it can schedule.
// It should not throw: what it was asked about is then decided without it, and the exception is
// counted and named in the log.
class Policy {
  public:
    Policy() = default;
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;
    Policy(Policy&&) = delete;
    Policy& operator=(Policy&&) = delete;
    virtual ~Policy() = default;

    // Any thread; the text lives as long as the policy.
    [[nodiscard]] virtual const char* name() const = 0;

    // Takes a task in. False if there is no room for it: the dispatch loop then decides for it by
    // itself.
    [[nodiscard]] virtual bool enqueue(const QueuedTask& task, Nanos now) = 0;

    // The next task to release to the kernel, or nothing for now.
    [[nodiscard]] virtual std::optional<Decision> pick(Nanos now) = 0;

    // Tasks taken in and not yet picked.
    [[nodiscard]] virtual std::size_t waiting() const = 0;

    // Whether exited() is wanted. Asked once, on the main thread, before the scheduler is loaded.
    [[nodiscard]] virtual bool wants_exits() const { return false; }

    // A task that was given to enqueue() at least once is gone for good. It comes when the thread
    // is awake anyway, so possibly long after the exit; after thousands of exits without a word
    // from any task, some never come. Before any enqueue() of a new task with the same Pid.
    virtual void exited(Pid /*pid*/, Nanos /*now*/) {}

    // Whether a task that is woken by one that is about to sleep (a write into a pipe or a socket)
    // may take over the rest of its slice, within the order of the deadlines, without an enqueue():
    // a chain of such wake-ups is asked about once a slice, which makes it several times faster.
    // Foreground tasks are always asked about. Asked once, on the main thread.
    [[nodiscard]] virtual bool hands_on() const { return false; }

    // How often tick() is wanted; 0: never. Asked once, on the main thread.
    [[nodiscard]] virtual Nanos tick_interval() const { return Nanos{}; }

    // Time has passed: at least tick_interval() since the last one. Called before the tasks of a
    // round, and only while the thread is awake anyway. An idle machine is not woken for it, so it
    // may come late by any time.
    virtual void tick(Nanos /*now*/) {}

    // Counters of its own, for the statistics. Asked once, on the main thread; what the span refers
    // to lives as long as the policy. The policy grows them, any thread reads them.
    [[nodiscard]] virtual std::span<const NamedCounter> counters() const { return {}; }
};

} // namespace rustland
