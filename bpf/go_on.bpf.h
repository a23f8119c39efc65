/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of the task that runs when its slice is used up, in ops.dispatch. */
#ifndef RUSTLAND_GO_ON_BPF_H
#define RUSTLAND_GO_ON_BPF_H

#include "fair.bpf.h"
#include "limited.bpf.h"
#include "place.bpf.h"
#include "queues.bpf.h"

/*
 * The task that runs here has used its slice up. It gets another one at once if it would come first
 * in the queues of this CPU: two tasks on one CPU would otherwise take turns, whatever their
 * weights are, because the one that runs is not in a queue when the other is looked for.
 */
static __always_inline bool first_again(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu,
                                        u32 llc, u64 now) {
    struct task_ctx* tc = task_ctx_of(prev);
    s64 ahead;

    if (!tc || !(tc->decision_flags & RL_DECISION_GOES_ON) || cc->offline || is_self(prev))
        return false;
    account(prev, tc, now);
    if (rest_of_slice(tc, tc->used))
        return false;
    ahead = fair_ahead(tc);
    if (head_deadline(DSQ_LLC(llc)) < now + ahead || head_deadline(DSQ_CPU(cpu)) < now + ahead)
        return false;
    if (scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) + scx_bpf_dsq_nr_queued(DSQ_CPU(cpu)) <= 0)
        return false;
    fair_first(prev, tc, true, now);
    grant(tc, tc->granted, now + ahead);
    cc->started_at = now;
    cc->key = tc->key;
    set_slice(prev, tc->granted);
    if (tc->limited)
        limit_goes_on(prev, tc, cc, cpu, tc->granted, now);
    count(went_on);
    return true;
}

/* The deadline that the task that runs here has with the rest of its slice, or would have with
 * another one; 0, before all others, for our own thread. */
static __always_inline u64 due_if_it_goes_on(struct task_struct* prev, u64 now) {
    struct task_ctx* tc = task_ctx_of(prev);

    if (!tc || is_self(prev))
        return 0;
    account(prev, tc, now);
    return rest_of_slice(tc, tc->used) ? tc->deadline : now + fair_ahead(tc);
}

/* The task that runs here goes on, because no other was found for this CPU. If nobody else waits at
 * all, what it used was taken from nobody. */
static __always_inline void go_on(struct task_struct* prev, struct cpu_ctx* cc, s32 cpu, bool alone,
                                  u64 now) {
    struct task_ctx* tc = task_ctx_of(prev);

    /* With a slice it would come before what another CPU has just put here. */
    if (scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) > 0)
        return;
    set_slice(prev, config.slice_ns);
    if (!tc || is_self(prev))
        return;
    if (alone) {
        account(prev, tc, now);
        fair_forgive(tc);
    }
    if (tc->limited)
        limit_goes_on(prev, tc, cc, cpu, config.slice_ns, now);
}

#endif
