/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decisions that hold for more than one wake-up. User space says for how long, and what is due by
 * the task's share is computed anew each time, by the formulas that user space itself uses: so a
 * wake-up costs no round through user space, and no CPU is interrupted for it but the one that the
 * task takes.
 *
 * A decision holds no longer than what it was made from: the task's class, its group, its own
 * weight, the number of CPUs that it may use, whether a foreground task has woken it, and bursts of
 * the kind that its request was learned from.
 */
#ifndef RUSTLAND_STANDING_BPF_H
#define RUSTLAND_STANDING_BPF_H

#include "fair.bpf.h"
#include "place.bpf.h"

/* What a decision that has just been taken says of later wake-ups of p. */
static __always_inline void note_standing(struct task_struct* p, struct task_ctx* tc,
                                          const struct rl_decision* d, u64 now) {
    u64 valid_for = d->valid_for > RL_VALID_FOR_MAX_NS ? RL_VALID_FOR_MAX_NS : d->valid_for;

    tc->stands_until = 0;
    if (!valid_for || tc->request <= 0)
        return;
    tc->stands_exec = tc->sum_exec + d->valid_exec;
    tc->stands_slice = tc->granted;
    tc->due_min = d->due_min;
    tc->due_max = d->due_max;
    tc->rate = d->rate > RL_RATE_ONE ? RL_RATE_ONE : d->rate;
    tc->stands_weight = p->scx.weight;
    tc->stands_cpus = p->nr_cpus_allowed;
    tc->stands_called = tc->called;
    tc->stands_until = now + valid_for;
}

static __always_inline bool decision_stands(const struct task_struct* p, const struct task_ctx* tc,
                                            u64 now) {
    return tc->stands_until && (s64)(tc->stands_until - now) > 0 &&
           tc->sum_exec < tc->stands_exec && tc->stands_weight == p->scx.weight &&
           tc->stands_cpus == (u32)p->nr_cpus_allowed && tc->stands_called == tc->called;
}

/* The task goes to sleep after a burst. */
static __always_inline void standing_after_burst(struct task_ctx* tc) {
    if (tc->stands_until && rl_burst_is_off(tc->burst_exec, tc->request))
        tc->stands_until = 0;
}

/* Puts a task that wakes up into deadline order by the decision that stands. */
static __always_inline void enqueue_standing(struct task_struct* p, const cpumask_t* allowed,
                                             struct task_ctx* tc, u64 enq_flags, u64 now) {
    u64 stretch = fair_stretch(tc), dsq; /* brings request_cap up to date, too */
    s64 request = tc->request > tc->request_cap ? tc->request_cap : tc->request;
    s64 ahead = rl_time_to_deadline(request, tc->lag, stretch);
    s64 due = rl_standing_due(ahead, tc->due_min, tc->due_max, tc->rate);
    struct target target;

    count(standing);
    if (!(tc->decision_flags & RL_DECISION_OWN_KEY))
        tc->decided_key = bounded_key(tc->bias + rl_standing_key(request, stretch, due, tc->rate));
    grant(tc, tc->stands_slice, now + tc->bias + due);
    pick_target_of(tc, allowed, scx_bpf_task_cpu(p), tc->decision_flags & RL_DECISION_PREEMPT, now,
                   &target);
    tc->start = target.cpu >= 0 && target.kick == SCX_KICK_IDLE ? START_IDLE
                : ahead > RL_WAIT_MAX_NS                        ? START_AGED
                                                                : START_FIRST;
    dsq = target.taker ? DSQ_CPU(target.cpu) : home_dsq(p, allowed, target.cpu);
    dsq_insert_vtime(
        p, dsq, tc->granted,
        place_in_queue(pack_target(target.cpu, target.kick, target.taker), tc->deadline),
        enq_flags);
    kick_target(&target, dsq, now);
}

#endif
