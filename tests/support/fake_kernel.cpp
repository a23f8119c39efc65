// SPDX-License-Identifier: GPL-2.0-only
#include "support/fake_kernel.hpp"

#include <algorithm>
#include <limits>

namespace rustland::testing {

FakeKernel::FakeKernel(const MachineParams& params)
    : params_(params), cpus_(params.cpus),
      llcs_((params.cpus + params.cpus_per_llc - 1) / params.cpus_per_llc), singles_(params.cpus) {}

// ---- the seam

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
    t = Task{};
    t.spec = std::move(spec);
    t.spec.allowed = usable(t.spec.allowed);
    t.cpu = cpu;
    t.run_left = t.spec.steps.at(0).run;
    t.stats.birth = ++births_;
    // No enqueue of an earlier task with this PID has the same number.
    t.seq = births_ << 32;
    t.where = Where::Asleep;
    enqueue(pid.value, true);
}

void FakeKernel::remove(Pid pid) {
    Task& t = task(pid.value);
    const bool ran = t.where == Where::Running;
    dequeue(pid.value);
    ++counters_.exited;
    if (ran)
        look_for_work(t.cpu);
}

void FakeKernel::set_affinity(Pid pid, const CpuSet& cpus) {
    Task& t = task(pid.value);
    t.spec.allowed = usable(cpus);
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

void FakeKernel::delay_enqueue(Pid pid, int times) {
    task(pid.value).delayed = times;
}

bool FakeKernel::alive(Pid pid) const {
    const auto found = tasks_.find(pid.value);
    return found != tasks_.end() && found->second.where != Where::Gone;
}

const TaskStats& FakeKernel::stats(Pid pid) const {
    return tasks_.at(pid.value).stats;
}

const PolicyState& FakeKernel::policy_state(Pid pid) const {
    return tasks_.at(pid.value).state;
}

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

bool FakeKernel::allowed(const Task& t, std::size_t cpu) const {
    return t.spec.allowed.test(cpu);
}

bool FakeKernel::restricted(const Task& t) const {
    return t.spec.allowed.count() < cpus_.size();
}

// ---- enqueue: as ops.enqueue

void FakeKernel::enqueue(std::int32_t pid, bool wakeup) {
    if (start_on_idle_cpu(pid))
        return;
    if (!wakeup && resume_interrupted(pid))
        return;
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
    start(pid, *cpu, t.granted);
    return true;
}

bool FakeKernel::resume_interrupted(std::int32_t pid) {
    Task& t = task(pid);
    if (t.granted < t.used + params_.resume_min)
        return false;
    ++counters_.resumed;
    place_decided(pid, now_ + t.key, kAnyCpu, false);
    return true;
}

void FakeKernel::enqueue_unasked(std::int32_t pid, bool wakeup) {
    Task& t = task(pid);
    t.key = t.decided_key;
    t.granted = params_.slice_busy;
    t.used = Nanos{};
    place_decided(pid, now_ + t.key, kAnyCpu, wakeup);
}

void FakeKernel::ask_user_space(std::int32_t pid, bool wakeup) {
    Task& t = task(pid);
    insert(pid, pending_, Nanos{}, Where::Pending);
    ++t.seq;
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
    t.queue = nullptr;
    t.where = Where::Gone;
}

// ---- where a decided task waits, and which CPU is told

void FakeKernel::place_decided(std::int32_t pid, Nanos deadline, CpuId preferred, bool preempt) {
    Task& t = task(pid);
    const auto idle = idle_cpu(t);
    auto interrupted = idle ? std::nullopt : dry_cpu(t);
    if (!idle && !interrupted && preempt)
        interrupted = victim(t);
    const auto told = idle ? idle : interrupted;

    std::size_t cpu = t.cpu;
    if (told)
        cpu = *told;
    else if (!preferred.any() && static_cast<std::size_t>(preferred.value) < cpus_.size())
        cpu = static_cast<std::size_t>(preferred.value);
    const bool narrow = restricted(t);
    for (std::size_t other = 0; narrow && !allowed(t, cpu); ++other)
        cpu = other;

    if (t.queue != nullptr)
        t.queue->erase(t.place);
    insert(pid, narrow ? singles_[cpu] : llc_queue(cpu), deadline, Where::Decided);
    if (idle)
        look_for_work(*idle);
    else if (interrupted)
        preempt_cpu(*interrupted);
}

void FakeKernel::preempt_cpu(std::size_t cpu) {
    ++counters_.preempted;
    cpus_[cpu].preempted_at = now_;
    account(cpu);
    slice_ended(cpu);
}

std::optional<std::size_t> FakeKernel::idle_cpu(const Task& t) const {
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
        const std::size_t cpu = (t.cpu + i) % cpus_.size();
        if (cpus_[cpu].pid == 0 && allowed(t, cpu))
            return cpu;
    }
    return std::nullopt;
}

// An allowed CPU whose task goes on only because everybody else was still undecided.
std::optional<std::size_t> FakeKernel::dry_cpu(const Task& t) const {
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
        if (cpus_[i].dry && allowed(t, i))
            return i;
    }
    return std::nullopt;
}

// The allowed CPU whose task has the largest key, if that is worse than t's by the margin.
std::optional<std::size_t> FakeKernel::victim(const Task& t) const {
    Nanos worst = t.key + params_.preempt_margin;
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
        const Cpu& cpu = cpus_[i];
        if (cpu.pid == 0 || !allowed(t, i) || now_ - cpu.preempted_at < params_.preempt_settle)
            continue;
        const Nanos its = tasks_.at(cpu.pid).key + (now_ - cpu.started_at);
        if (its > worst) {
            worst = its;
            found = i;
        }
    }
    return found;
}

// The lease: what has waited too long for a decision goes on without one, oldest first.
void FakeKernel::dispatch_expired() {
    while (!pending_.empty()) {
        const std::int32_t pid = pending_.begin()->second;
        Task& t = task(pid);
        if (now_ - t.queued_at < params_.lease)
            break;
        if (now_ - last_commit_ > params_.lease)
            silent_ = true;
        ++counters_.fallback;
        t.granted = params_.slice_busy;
        t.used = Nanos{};
        place_decided(pid, t.queued_at, kAnyCpu, false);
    }
}

// ---- running

void FakeKernel::wake_sleepers() {
    while (!sleepers_.empty() && sleepers_.begin()->first <= now_) {
        const std::int32_t pid = sleepers_.begin()->second;
        sleepers_.erase(sleepers_.begin());
        enqueue(pid, true);
    }
}

// The next task for a CPU, 0 if there is none: its own queues first, the earlier deadline of both,
// then those of others.
std::int32_t FakeKernel::take(std::size_t cpu) {
    Queue& shared = llc_queue(cpu);
    Queue& own = singles_[cpu];
    const bool shared_first =
        own.empty() || (!shared.empty() && shared.begin()->first.first < own.begin()->first.first);
    for (Queue* queue : {shared_first ? &shared : &own, shared_first ? &own : &shared}) {
        if (const std::int32_t pid = take_from(*queue, cpu); pid != 0)
            return pid;
    }
    for (auto* queues : {&llcs_, &singles_}) {
        for (Queue& queue : *queues) {
            if (const std::int32_t pid = take_from(queue, cpu); pid != 0)
                return pid;
        }
    }
    return 0;
}

std::int32_t FakeKernel::take_from(Queue& queue, std::size_t cpu) {
    for (auto it = queue.begin(); it != queue.end(); ++it) {
        const std::int32_t pid = it->second;
        if (!allowed(task(pid), cpu))
            continue;
        queue.erase(it);
        task(pid).queue = nullptr;
        return pid;
    }
    return 0;
}

void FakeKernel::start(std::int32_t pid, std::size_t cpu, Nanos slice) {
    Task& t = task(pid);
    t.where = Where::Running;
    t.cpu = cpu;
    cpus_[cpu].pid = pid;
    cpus_[cpu].started_at = now_;
    cpus_[cpu].slice_ends = now_ + slice;
    cpus_[cpu].dry = false;
    const Nanos waited = now_ - t.queued_at;
    t.stats.longest_wait = std::max(t.stats.longest_wait, waited);
    ++t.stats.starts;
    if (on_start)
        on_start(
            {Pid{pid}, CpuId{static_cast<std::int32_t>(cpu)}, now_, waited, slice, t.stats.birth});
}

// Charges the running task for its time so far.
void FakeKernel::account(std::size_t cpu) {
    Task& t = task(cpus_[cpu].pid);
    const Nanos ran = now_ - cpus_[cpu].started_at;
    cpus_[cpu].started_at = now_;
    t.run_left -= ran;
    t.stats.cpu_time += ran;
    t.burst_exec += ran;
    t.key += ran;
    t.used += ran;
}

void FakeKernel::look_for_work(std::size_t cpu) {
    if (const std::int32_t pid = take(cpu); pid != 0)
        start(pid, cpu, task(pid).granted - task(pid).used);
}

void FakeKernel::run_ended(std::size_t cpu) {
    account(cpu);
    const std::int32_t pid = cpus_[cpu].pid;
    if (task(pid).run_left.value > 0) {
        slice_ended(cpu);
        return;
    }
    cpus_[cpu].pid = 0;
    cpus_[cpu].dry = false;
    step_done(pid);
    if (cpus_[cpu].pid == 0)
        look_for_work(cpu);
}

// The next task is chosen before the last one is queued again; without one, that goes on.
void FakeKernel::slice_ended(std::size_t cpu) {
    const std::int32_t last = cpus_[cpu].pid;
    const std::int32_t next = take(cpu);
    if (next == 0) {
        cpus_[cpu].slice_ends = now_ + params_.slice;
        cpus_[cpu].dry = !pending_.empty();
        return;
    }
    start(next, cpu, task(next).granted - task(next).used);
    enqueue(last, false);
}

void FakeKernel::step_done(std::int32_t pid) {
    Task& t = task(pid);
    const Nanos sleep = t.spec.steps[t.step].sleep;
    if (++t.step == t.spec.steps.size()) {
        t.step = 0;
        if (!t.spec.repeat) {
            t.where = Where::Gone;
            ++counters_.exited;
            return;
        }
    }
    t.run_left = t.spec.steps[t.step].run;
    t.burst_exec = Nanos{};
    t.last_sleep = sleep;
    ++t.sleeps;
    t.wake_at = now_ + sleep;
    t.where = Where::Asleep;
    sleepers_.emplace(t.wake_at, pid);
}

} // namespace rustland::testing
