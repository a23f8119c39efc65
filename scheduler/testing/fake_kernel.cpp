// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/testing/fake_kernel.hpp"

#include "fair_math.h"

#include <algorithm>

namespace rustland::testing {

FakeKernel::FakeKernel(const MachineParams& params)
    : params_(params), cpus_(params.cpus),
      llcs_((params.cpus + params.cpus_per_llc - 1) / params.cpus_per_llc), singles_(params.cpus) {}

// ---- the seam

std::size_t FakeKernel::receive_exited(std::span<Pid> out) {
    std::size_t n = 0;
    for (; n < out.size() && !exited_.empty(); ++n) {
        out[n] = exited_.front();
        exited_.pop_front();
    }
    return n;
}

std::size_t FakeKernel::receive(std::span<QueuedTask> out) {
    std::size_t n = 0;
    for (; n < out.size() && !ring_.empty(); ++n) {
        out[n] = ring_.front();
        ring_.pop_front();
    }
    return n;
}

void FakeKernel::commit(std::span<const Decision> decisions, std::span<CommitResult> results) {
    last_commit_ = now_;
    silent_ = false;
    for (std::size_t i = 0; i < decisions.size(); ++i)
        results[i] = commit_one(decisions[i]);
}

CommitResult FakeKernel::commit_one(const Decision& decision) {
    const auto found = tasks_.find(decision.pid.value);
    if (found == tasks_.end() || found->second.where != Where::Pending ||
        found->second.seq != decision.seq) {
        ++counters_.stale;
        return CommitResult::Stale;
    }
    Task& t = found->second;
    t.state = decision.state;
    t.key = decision.key;
    t.decided_key = decision.key;
    t.granted = decision.slice;
    t.used = Nanos{};
    t.bias = decision.bias;
    t.fair.request = decision.request;
    t.fair.start = decision.aged ? FairAccount::Start::Aged : FairAccount::Start::First;
    t.goes_on = decision.goes_on;
    t.deadline = decision.deadline;
    note_standing(t, decision);
    if (t.delayed > 0) {
        --t.delayed;
        ++counters_.retried;
        return CommitResult::Retry;
    }
    ++counters_.decided;
    place_decided(found->first, decision.deadline, decision.cpu, decision.preempt);
    return CommitResult::Moved;
}

// ---- time

std::optional<Nanos> FakeKernel::next_event() const {
    Nanos next = kForever;
    for (const Cpu& cpu : cpus_) {
        if (cpu.pid != 0)
            next = std::min(next, run_ends(cpu));
    }
    if (!sleepers_.empty())
        next = std::min(next, sleepers_.begin()->first);
    if (!pending_.empty())
        next = std::min(next, tasks_.at(pending_.begin()->second).queued_at + params_.lease);
    if (next == kForever)
        return std::nullopt;
    return std::max(next, now_);
}

void FakeKernel::advance_to(Nanos until) {
    for (auto next = next_event(); next && *next <= until; next = next_event()) {
        now_ = *next;
        dispatch_expired();
        wake_sleepers();
        for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
            if (cpus_[cpu].pid != 0 && run_ends(cpus_[cpu]) <= now_)
                run_ended(cpu);
        }
    }
    now_ = std::max(now_, until);
}

Nanos FakeKernel::run_ends(const Cpu& cpu) const {
    return std::min(cpu.slice_ends, cpu.started_at + tasks_.at(cpu.pid).run_left);
}

// ---- tasks

Pid FakeKernel::spawn(TaskSpec spec) {
    do
        last_pid_ = last_pid_ % 4'194'303 + 1;
    while (alive(Pid{last_pid_}));
    spawn_as(Pid{last_pid_}, std::move(spec));
    return Pid{last_pid_};
}

void FakeKernel::spawn_as(Pid pid, TaskSpec spec) {
    Task& t = tasks_[pid.value];
    const std::size_t cpu = t.cpu;
    fair_.quiescent(t.fair);
    t = Task{};
    t.spec = std::move(spec);
    t.fair.weight = t.spec.weight;
    t.fair.group = t.spec.group;
    t.fair.background = t.spec.task_class == TaskClass::Background;
    t.spec.allowed = usable(t.spec.allowed);
    t.cpu = cpu;
    t.run_left = t.spec.steps.at(0).run;
    t.stats.birth = ++births_;
    // No enqueue of an earlier task with this PID has the same number.
    t.seq = births_ << 32;
    t.where = Where::Asleep;
    fair_.enter(t.fair, clock_of(t));
    enqueue(pid.value, true);
}

void FakeKernel::remove(Pid pid) {
    Task& t = task(pid.value);
    const bool ran = t.where == Where::Running;
    dequeue(pid.value);
    gone(pid.value);
    if (ran)
        look_for_work(t.cpu);
}

void FakeKernel::set_affinity(Pid pid, const CpuSet& cpus) {
    Task& t = task(pid.value);
    t.spec.allowed = usable(cpus);
    t.stands_until = Nanos{};
    const bool must_move = t.where == Where::Running && !allowed(t, t.cpu);
    if (must_move) {
        const std::size_t cpu = t.cpu;
        dequeue(pid.value);
        look_for_work(cpu);
        enqueue(pid.value, false);
    } else {
        requeue(pid);
    }
}

void FakeKernel::requeue(Pid pid) {
    const Where where = task(pid.value).where;
    if (where != Where::Pending && where != Where::Decided)
        return;
    dequeue(pid.value);
    enqueue(pid.value, false);
}

void FakeKernel::delay_enqueue(Pid pid, int times) { task(pid.value).delayed = times; }

bool FakeKernel::alive(Pid pid) const {
    const auto found = tasks_.find(pid.value);
    return found != tasks_.end() && found->second.where != Where::Gone;
}

const TaskStats& FakeKernel::stats(Pid pid) const { return tasks_.at(pid.value).stats; }

const PolicyState& FakeKernel::policy_state(Pid pid) const { return tasks_.at(pid.value).state; }

std::size_t FakeKernel::waiting() const {
    std::size_t n = 0;
    for (const auto* queues : {&llcs_, &singles_}) {
        for (const Queue& queue : *queues)
            n += queue.size();
    }
    return n;
}

// The CPUs of a mask that exist; all if there is none, as the kernel falls back.
CpuSet FakeKernel::usable(const CpuSet& cpus) const {
    const CpuSet online = CpuSet().set() >> (CpuSet().size() - cpus_.size());
    return (cpus & online).any() ? cpus & online : online;
}

bool FakeKernel::allowed(const Task& t, std::size_t cpu) const { return t.spec.allowed.test(cpu); }

// The foreground has a clock of its own.
std::size_t FakeKernel::clock_of(const Task& t) {
    return t.spec.task_class == TaskClass::Foreground ? 1 : 0;
}

bool FakeKernel::restricted(const Task& t) const { return t.spec.allowed.count() < cpus_.size(); }

// ---- enqueue: as ops.enqueue

void FakeKernel::enqueue(std::int32_t pid, bool wakeup) {
    Task& t = task(pid);
    fair_.runnable(t.fair, clock_of(t));
    t.fair.start = FairAccount::Start::Other;
    if (start_on_idle_cpu(pid))
        return;
    if (!wakeup && resume_interrupted(pid))
        return;
    if (wakeup && decision_stands(t)) {
        enqueue_standing(pid);
        return;
    }
    if (silent_) {
        ++counters_.unasked;
        enqueue_unasked(pid, wakeup);
    } else if (ring_.size() >= params_.ring_capacity) {
        ++counters_.congested;
        enqueue_unasked(pid, wakeup);
    } else {
        ask_user_space(pid, wakeup);
    }
}

bool FakeKernel::start_on_idle_cpu(std::int32_t pid) {
    Task& t = task(pid);
    const auto cpu = idle_cpu(t);
    if (!cpu)
        return false;
    ++counters_.idle;
    t.queued_at = now_;
    t.granted = llc_queue(*cpu).empty() ? params_.slice : params_.slice_busy;
    t.used = Nanos{};
    t.key = t.decided_key;
    t.fair.start = FairAccount::Start::Idle;
    t.deadline = now_;
    start(pid, *cpu, t.granted);
    return true;
}

bool FakeKernel::resume_interrupted(std::int32_t pid) {
    Task& t = task(pid);
    if (t.granted < t.used + params_.resume_min)
        return false;
    ++counters_.resumed;
    place_decided(pid, t.deadline, kAnyCpu, false);
    return true;
}

// By what the kernel side knows: the last request, the lag and the burst until now.
Nanos FakeKernel::time_to_deadline(Task& t) {
    const std::uint32_t stretch = fair_.stretch(t.fair);
    const Nanos wanted = t.fair.request.value != 0 ? t.fair.request : t.fair.request_cap;
    const Nanos request = std::min(std::max(t.burst_exec, wanted), t.fair.request_cap);
    return t.bias + Nanos{rl_time_to_deadline(request.value, t.fair.lag.value, stretch)};
}

void FakeKernel::enqueue_unasked(std::int32_t pid, bool wakeup) {
    Task& t = task(pid);
    const bool has_key = t.decided_key.value != 0;
    const Nanos by_share = has_key && t.fair.request.value == 0
                               ? t.decided_key
                               : std::max(time_to_deadline(t), t.bias);
    const Nanos ahead{rl_aging_ahead(by_share.value)};
    t.key = has_key ? t.decided_key : ahead;
    t.granted = params_.slice_busy;
    t.used = Nanos{};
    t.deadline = now_ + ahead;
    t.fair.start =
        ahead < Nanos{RL_WAIT_MAX_NS} ? FairAccount::Start::First : FairAccount::Start::Aged;
    place_decided(pid, t.deadline, kAnyCpu, wakeup);
}

// ---- decisions that hold for more than one wake-up: as in bpf/standing.bpf.h

void FakeKernel::note_standing(Task& t, const Decision& decision) const {
    const Nanos valid_for = std::min(decision.standing.valid_for, Nanos{RL_VALID_FOR_MAX_NS});
    t.standing = decision.standing;
    t.preempt = decision.preempt;
    t.stands_until = valid_for.value > 0 && decision.request.value > 0 ? now_ + valid_for : Nanos{};
    t.stands_exec = t.stats.cpu_time + decision.standing.valid_exec;
    t.stands_slice = decision.slice;
}

bool FakeKernel::decision_stands(const Task& t) const {
    return now_ < t.stands_until && t.stats.cpu_time < t.stands_exec;
}

void FakeKernel::enqueue_standing(std::int32_t pid) {
    Task& t = task(pid);
    const std::uint32_t stretch = fair_.stretch(t.fair);
    const std::int64_t request = std::min(t.fair.request, t.fair.request_cap).value;
    const std::int64_t ahead = rl_time_to_deadline(request, t.fair.lag.value, stretch);
    const std::int64_t due =
        rl_standing_due(ahead, t.standing.due_min.value, t.standing.due_max.value, t.standing.rate);
    ++counters_.standing;
    if (!t.standing.own_key)
        t.decided_key = t.bias + Nanos{rl_standing_key(request, stretch, due, t.standing.rate)};
    t.key = t.decided_key;
    t.granted = t.stands_slice;
    t.used = Nanos{};
    t.deadline = now_ + t.bias + Nanos{due};
    t.fair.start = ahead > RL_WAIT_MAX_NS ? FairAccount::Start::Aged : FairAccount::Start::First;
    place_decided(pid, t.deadline, kAnyCpu, t.preempt);
}

void FakeKernel::ask_user_space(std::int32_t pid, bool wakeup) {
    Task& t = task(pid);
    insert(pid, pending_, Nanos{}, Where::Pending);
    ++t.seq;
    t.told = true;
    ++counters_.queued;
    QueuedTask record;
    record.seq = t.seq;
    record.enqueued_at = now_;
    record.sum_exec = t.stats.cpu_time;
    record.burst_exec = t.burst_exec;
    record.last_sleep = t.last_sleep;
    record.sleeps = t.sleeps;
    record.state = t.state;
    record.pid = Pid{pid};
    record.tgid = Pid{pid};
    record.cpu = CpuId{static_cast<std::int32_t>(t.cpu)};
    record.weight = t.spec.weight;
    record.lag = t.fair.lag;
    record.stretch = fair_.stretch(t.fair);
    record.task_class = t.spec.task_class;
    record.nr_cpus_allowed = static_cast<std::uint32_t>(t.spec.allowed.count());
    record.nr_waiting = static_cast<std::uint32_t>(llc_queue(t.cpu).size());
    record.wakeup = wakeup;
    record.restricted = restricted(t);
    ring_.push_back(record);
}

void FakeKernel::insert(std::int32_t pid, Queue& queue, Nanos deadline, Where where) {
    Task& t = task(pid);
    if (where == Where::Pending || t.where != Where::Pending)
        t.queued_at = now_;
    t.where = where;
    t.queue = &queue;
    t.place = {deadline, order_++};
    queue.emplace(t.place, pid);
}

// Takes a task away from wherever it is; an enqueue that nobody decided ends here.
void FakeKernel::dequeue(std::int32_t pid) {
    Task& t = task(pid);
    if (t.where == Where::Pending)
        ++counters_.dequeued;
    if (t.where == Where::Running) {
        account(t.cpu);
        cpus_[t.cpu].pid = 0;
        cpus_[t.cpu].dry = false;
    }
    if (t.where == Where::Asleep)
        sleepers_.erase({t.wake_at, pid});
    if (t.queue != nullptr)
        t.queue->erase(t.place);
    fair_.quiescent(t.fair);
    t.queue = nullptr;
    t.where = Where::Gone;
}

} // namespace rustland::testing
