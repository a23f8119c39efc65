// SPDX-License-Identifier: GPL-2.0-only
// How the fake machine runs: where decided tasks wait, which CPU is told, the lease, and the CPUs.
#include "rustland/testing/fake_kernel.hpp"

#include "fair_math.h"

#include <algorithm>
#include <cstdint>

namespace rustland::testing {

// ---- where a decided task waits, and which CPU is told

void FakeKernel::place_decided(std::int32_t pid, Nanos deadline, CpuId preferred, bool preempt) {
    Task& t = task(pid);
    const auto idle = idle_cpu(t);
    auto interrupted = idle ? std::nullopt : dry_cpu(t);
    if (!idle && !interrupted && preempt)
        interrupted = victim(t);
    const bool takes_it =
        !idle && interrupted && preempt && !cpus_[*interrupted].dry &&
        rl_may_come_first(t.fair.request.value, t.fair.lag.value, t.fair.request_cap.value) != 0;
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
    // What a CPU is interrupted for comes first there, if it is not too deep in debt.
    insert(pid, narrow || takes_it ? singles_[cpu] : llc_queue(cpu),
           takes_it ? deadline - Nanos{RL_OWN_AHEAD_NS} : deadline, Where::Decided);
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
        t.key = t.decided_key;
        t.deadline = t.queued_at;
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

// The first task of another cache's queue if it comes before all that wait here and before `ours`.
std::int32_t FakeKernel::take_earlier(std::size_t cpu, Nanos ours) {
    Cpu& c = cpus_[cpu];
    if (llcs_.size() < 2 || now_ - c.looked_elsewhere <= Nanos{RL_LLC_LOOK_NS})
        return 0;
    c.looked_elsewhere = now_;
    const std::size_t llc = cpu / params_.cpus_per_llc;
    Queue& other = llcs_[(llc + 1 + c.llc_turn++ % (llcs_.size() - 1)) % llcs_.size()];
    if (other.empty())
        return 0;
    const Nanos theirs = other.begin()->first.first + Nanos{RL_LLC_MARGIN_NS};
    for (const Queue* queue : {&llcs_[llc], &singles_[cpu]}) {
        if (!queue->empty() && queue->begin()->first.first <= theirs)
            return 0;
    }
    return theirs < ours ? take_from(other, cpu) : 0;
}

void FakeKernel::start(std::int32_t pid, std::size_t cpu, Nanos slice) {
    Task& t = task(pid);
    t.where = Where::Running;
    t.cpu = cpu;
    cpus_[cpu].pid = pid;
    cpus_[cpu].started_at = now_;
    cpus_[cpu].slice_ends = now_ + slice;
    cpus_[cpu].dry = false;
    fair_.running(t.fair, now_);
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
    fair_.used(t.fair, ran);
}

void FakeKernel::look_for_work(std::size_t cpu) {
    std::int32_t pid = take_earlier(cpu, Nanos{INT64_MAX});
    if (pid == 0)
        pid = take(cpu);
    if (pid != 0)
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

// A task whose slice is used up gets another one at once if it would come first in the queues.
bool FakeKernel::first_again(std::size_t cpu) {
    Task& t = task(cpus_[cpu].pid);
    if (!t.goes_on || t.granted >= t.used + params_.resume_min)
        return false;
    const Queue& shared = llc_queue(cpu);
    const Queue& own = singles_[cpu];
    if (shared.empty() && own.empty())
        return false;
    const Nanos ahead = time_to_deadline(t);
    for (const Queue* queue : {&shared, &own}) {
        if (!queue->empty() && queue->begin()->first.first < now_ + ahead)
            return false;
    }
    fair_.first(t.fair, true, now_);
    ++counters_.went_on;
    t.used = Nanos{};
    t.key = t.decided_key;
    t.deadline = now_ + ahead;
    cpus_[cpu].slice_ends = now_ + t.granted;
    return true;
}

// The next task is chosen before the last one is queued again; without one, that goes on.
void FakeKernel::slice_ended(std::size_t cpu) {
    const std::int32_t last = cpus_[cpu].pid;
    std::int32_t next = take_earlier(cpu, now_ + time_to_deadline(task(last)));
    if (next == 0 && first_again(cpu))
        return;
    if (next == 0)
        next = take(cpu);
    if (next == 0) {
        cpus_[cpu].slice_ends = now_ + params_.slice;
        cpus_[cpu].dry = !pending_.empty();
        if (pending_.empty())
            FairShares::forgive(task(last).fair);
        return;
    }
    start(next, cpu, task(next).granted - task(next).used);
    enqueue(last, false);
}

void FakeKernel::gone(std::int32_t pid) {
    ++counters_.exited;
    if (task(pid).told)
        exited_.push_back(Pid{pid});
}

void FakeKernel::step_done(std::int32_t pid) {
    Task& t = task(pid);
    const Nanos sleep = t.spec.steps[t.step].sleep;
    if (++t.step == t.spec.steps.size()) {
        t.step = 0;
        if (!t.spec.repeat) {
            t.where = Where::Gone;
            fair_.quiescent(t.fair);
            gone(pid);
            return;
        }
    }
    t.run_left = t.spec.steps[t.step].run;
    if (rl_burst_is_off(static_cast<std::uint64_t>(t.burst_exec.value), t.fair.request.value) != 0)
        t.stands_until = Nanos{};
    t.burst_exec = Nanos{};
    t.last_sleep = sleep;
    ++t.sleeps;
    t.wake_at = now_ + sleep;
    fair_.quiescent(t.fair);
    t.fair.asleep = true;
    t.where = Where::Asleep;
    sleepers_.emplace(t.wake_at, pid);
}

} // namespace rustland::testing
