// SPDX-License-Identifier: GPL-2.0-only
// A small machine in memory, for testing policies and the dispatch loop without a kernel.
//
// It keeps the promises that the BPF side keeps (see bpf/): a task that needs a decision waits in
// the pending queue and is told once, by a record in a bounded ring; a decision moves it into a
// deadline-ordered queue of a cache, or of one CPU if its affinity is narrow; CPUs take the
// earliest deadline; what nobody decides within the lease is dispatched anyway. As in the kernel,
// a CPU looks for its next task before the one whose slice ended is queued again.
//
// Time is simulated: nothing happens except in advance_to() and in the calls that change tasks.
#pragma once

#include "rustland/core/kernel.hpp"
#include "rustland/testing/fair_shares.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace rustland::testing {

using CpuSet = std::bitset<64>;

struct MachineParams {
    std::size_t cpus = 1; // at most 64
    std::size_t cpus_per_llc = 64;
    std::size_t ring_capacity = 8192; // records
    Nanos lease = millis(20);         // longest wait for a decision
    Nanos slice = millis(20);         // for a task that user space was not asked about …
    Nanos slice_busy = millis(5);     // … and while others wait
    Nanos preempt_margin = millis(2); // by how much keys must differ for a preemption
    Nanos preempt_settle = millis(2); // a preempted CPU is left alone for so long
    Nanos resume_min = micros(300);   // rest of a slice that is worth a turn
};

// What a task does: it computes, then it sleeps.
struct Step {
    Nanos run;
    Nanos sleep;
};

inline constexpr Nanos kForever = seconds(1'000'000'000);

struct TaskSpec {
    std::vector<Step> steps; // after the last one it exits …
    bool repeat = false;     // … or begins again
    std::uint32_t weight = 100;
    TaskClass task_class = TaskClass::Normal;
    CpuSet allowed = CpuSet().set();
    int group = 0; // that it shares CPU time with, 0: it competes with the groups by itself
};

// One time that a task got a CPU.
struct Start {
    Pid pid;
    CpuId cpu;
    Nanos at;
    Nanos waited; // since it was queued for the last time
    Nanos slice;
    std::uint64_t birth; // tells tasks with the same PID apart
};

struct TaskStats {
    Nanos cpu_time;
    Nanos longest_wait;
    std::uint64_t starts = 0;
    std::uint64_t birth = 0;
};

// As in rl_counters; at all times queued = decided + fallback + dequeued + pending().
struct FakeCounters {
    std::uint64_t queued = 0;    // records given to user space
    std::uint64_t decided = 0;   // … that user space decided
    std::uint64_t fallback = 0;  // … that the lease dispatched
    std::uint64_t dequeued = 0;  // … whose task went away or was queued anew
    std::uint64_t congested = 0; // the ring was full
    std::uint64_t unasked = 0;   // user space was silent
    std::uint64_t idle = 0;      // an idle CPU was there
    std::uint64_t resumed = 0;   // interrupted, put back with the rest of its slice
    std::uint64_t went_on = 0;   // its slice was used up, and it came first again
    std::uint64_t standing = 0;  // it woke up while a decision held
    std::uint64_t stale = 0;
    std::uint64_t retried = 0;
    std::uint64_t preempted = 0;
    std::uint64_t exited = 0;
};

class FakeKernel final : public Kernel {
  public:
    explicit FakeKernel(const MachineParams& params);

    std::size_t receive_exited(std::span<Pid> out) override;
    std::size_t receive(std::span<QueuedTask> out) override;
    void commit(std::span<const Decision> decisions, std::span<CommitResult> results) override;

    [[nodiscard]] Nanos now() const { return now_; }
    // When something happens next if nobody does anything; none: the machine is idle.
    [[nodiscard]] std::optional<Nanos> next_event() const;
    void advance_to(Nanos until);

    // A new task that wakes up now.
    Pid spawn(TaskSpec spec);
    // The same under a PID that no living task has.
    void spawn_as(Pid pid, TaskSpec spec);
    // It leaves our class at once, wherever it is.
    void remove(Pid pid);
    void set_affinity(Pid pid, const CpuSet& allowed);
    // A group's weight; 100 is the default.
    void set_group_weight(int group, std::uint32_t weight) {
        fair_.set_group_weight(group, weight);
    }
    // If it waits: taken out of its queue and enqueued anew, as for a change of its weight.
    void requeue(Pid pid);
    // The next `times` decisions about it come before its enqueue is finished.
    void delay_enqueue(Pid pid, int times);

    [[nodiscard]] bool alive(Pid pid) const;
    // Of a living task, or of the last one with this PID.
    [[nodiscard]] const TaskStats& stats(Pid pid) const;
    [[nodiscard]] const PolicyState& policy_state(Pid pid) const;
    [[nodiscard]] const FakeCounters& counters() const { return counters_; }
    [[nodiscard]] std::size_t pending() const { return pending_.size(); } // undecided
    [[nodiscard]] std::size_t waiting() const;                            // decided
    [[nodiscard]] std::size_t records() const { return ring_.size(); }

    std::function<void(const Start&)> on_start; // called for each start, if set

  private:
    using Place = std::pair<Nanos, std::uint64_t>; // deadline, then order of insertion
    using Queue = std::map<Place, std::int32_t>;
    enum class Where { Gone, Asleep, Pending, Decided, Running };

    struct Task {
        TaskSpec spec;
        std::size_t step = 0;
        Nanos run_left;
        Where where = Where::Gone;
        std::size_t cpu = 0; // where it ran last
        Queue* queue = nullptr;
        Place place;
        int delayed = 0;
        bool told = false; // user space has been asked about it
        std::uint64_t seq = 0;
        Nanos queued_at;
        Nanos wake_at;
        Nanos last_sleep;
        Nanos burst_exec;
        std::uint64_t sleeps = 0;
        Nanos key;            // of the last decision, grown by the CPU time used since
        Nanos decided_key;    // of the last decision, as it was then
        Nanos granted;        // slice of the last decision
        Nanos used;           // how much of it is gone
        Nanos bias;           // of the last decision
        Nanos deadline;       // of the present slice
        bool goes_on = false; // of the last decision
        bool preempt = false;
        Standing standing;
        Nanos stands_until; // while the decision holds
        Nanos stands_exec;  // CPU time up to which it does
        Nanos stands_slice;
        FairAccount fair;
        PolicyState state{};
        TaskStats stats;
    };
    struct Cpu {
        std::int32_t pid = 0; // 0: idle
        Nanos started_at;
        Nanos slice_ends;
        Nanos preempted_at = seconds(-1);
        bool dry = false;         // its last look for work found only undecided tasks
        Nanos looked_elsewhere;   // into the queue of another cache
        std::size_t llc_turn = 0; // which of them comes next
    };

    Task& task(std::int32_t pid) { return tasks_.at(pid); }
    [[nodiscard]] CpuSet usable(const CpuSet& cpus) const;
    [[nodiscard]] bool allowed(const Task& t, std::size_t cpu) const;
    [[nodiscard]] bool restricted(const Task& t) const;
    [[nodiscard]] Queue& llc_queue(std::size_t cpu) { return llcs_[cpu / params_.cpus_per_llc]; }
    [[nodiscard]] Nanos run_ends(const Cpu& cpu) const;

    // enqueue
    void enqueue(std::int32_t pid, bool wakeup);
    bool start_on_idle_cpu(std::int32_t pid);
    bool resume_interrupted(std::int32_t pid);
    void enqueue_unasked(std::int32_t pid, bool wakeup);
    void note_standing(Task& t, const Decision& decision) const;
    [[nodiscard]] bool decision_stands(const Task& t) const;
    void enqueue_standing(std::int32_t pid);
    Nanos time_to_deadline(Task& t);
    void ask_user_space(std::int32_t pid, bool wakeup);
    void insert(std::int32_t pid, Queue& queue, Nanos deadline, Where where);
    void dequeue(std::int32_t pid);

    // place
    void place_decided(std::int32_t pid, Nanos deadline, CpuId preferred, bool preempt);
    [[nodiscard]] std::optional<std::size_t> idle_cpu(const Task& t) const;
    [[nodiscard]] std::optional<std::size_t> dry_cpu(const Task& t) const;
    [[nodiscard]] std::optional<std::size_t> victim(const Task& t) const;
    void preempt_cpu(std::size_t cpu);
    CommitResult commit_one(const Decision& decision);
    void dispatch_expired();

    // run
    void wake_sleepers();
    std::int32_t take(std::size_t cpu);
    std::int32_t take_from(Queue& queue, std::size_t cpu);
    std::int32_t take_earlier(std::size_t cpu, Nanos ours);
    void start(std::int32_t pid, std::size_t cpu, Nanos slice);
    void account(std::size_t cpu);
    void look_for_work(std::size_t cpu);
    [[nodiscard]] bool first_again(std::size_t cpu);
    [[nodiscard]] static std::size_t clock_of(const Task& t);
    void run_ended(std::size_t cpu);
    void slice_ended(std::size_t cpu);
    void step_done(std::int32_t pid);
    void gone(std::int32_t pid);

    MachineParams params_;
    Nanos now_ = seconds(1);
    std::map<std::int32_t, Task> tasks_;
    std::vector<Cpu> cpus_;
    Queue pending_;
    std::vector<Queue> llcs_;
    std::vector<Queue> singles_; // one per CPU
    std::set<std::pair<Nanos, std::int32_t>> sleepers_;
    std::deque<QueuedTask> ring_;
    std::deque<Pid> exited_; // that user space knows
    Nanos last_commit_ = now_;
    bool silent_ = false; // the lease took over, and user space has not answered since
    std::uint64_t order_ = 0;
    std::uint64_t births_ = 0;
    std::int32_t last_pid_ = 0;
    FakeCounters counters_;
    FairShares fair_;
};

} // namespace rustland::testing
