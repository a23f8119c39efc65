/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handing a slice on. A task that wakes another and says that it is about to sleep (a write into a
 * pipe or a socket) would leave the rest of its slice unused, and the other would wait for a
 * decision. Instead the other gets that rest and the place in deadline order that came with it: who
 * waits meanwhile waits as long as if the first had gone on. With the rest goes what the first one
 * owes, also if no rest is left: two that work in turn would else get two shares.
 *
 * Many say so and do not sleep. So a slice is handed on only to the task that was woken in this way
 * the last time, too, as two do that work in turn, and not to all that one message after the other
 * goes to. And what one decision granted is handed on for no longer than its slice would have
 * lasted: then user space is asked.
 */
#ifndef RUSTLAND_HAND_ON_BPF_H
#define RUSTLAND_HAND_ON_BPF_H

#include "fair.bpf.h"
#include "place.bpf.h"

/* Who has computed for longer since it last slept is not about to: what it wakes may be in a hurry,
 * and is asked about. Nor is it the one that wakes if that is done in an interrupt on top of it. */
#define SHORT_BURST_NS 1000000ULL

/* What is left of the slice that runs on this CPU, as the current task's; 0 if it may not be
 * handed on. */
static __always_inline u64 rest_to_hand_on(struct task_ctx* from, u64 now) {
    u64 rest = rest_of_slice(from, from->used + (now - from->started_at));

    if (!rest)
        return 0;
    if (!from->turn_until)
        from->turn_until = now + rest;
    if (now >= from->turn_until)
        return 0;
    if (rest > from->turn_until - now)
        rest = from->turn_until - now;
    return rest >= REST_MIN_NS ? rest : 0;
}

/* The current task wakes p: whether p is to take over what is left of its slice. Foreground tasks
 * are always decided about, and a class hands nothing to another. */
static __always_inline void hand_on(struct task_struct* p, u64 wake_flags) {
    struct task_struct* waker = (void*)bpf_get_current_task_btf();
    struct task_ctx *from, *to;
    struct cpu_ctx* cc;
    bool again;
    u32 class;
    u64 now;

    if (!config.hand_on || !(wake_flags & bpf_core_enum_value(enum scx_wake_flags, SCX_WAKE_SYNC)))
        return;
    cc = cpu_ctx_of(bpf_get_smp_processor_id());
    from = task_ctx_of(waker);
    to = task_ctx_of(p);
    if (!cc || cc->pid != waker->pid || !from || !to)
        return;
    again = from->woke == p->pid;
    from->woke = p->pid;
    to->handed_rest = 0;
    class = class_of(waker, from);
    now = now_ns();
    /* Two that work in turn are one to the others: the debt goes along, whoever of them runs. */
    if (again && class_of(p, to) == class && to->clock == from->clock)
        to->handed_lag = fair_lag_now(from, now - from->started_at);
    if (!again || is_restricted(p) || class == RL_CLASS_FOREGROUND || class_of(p, to) != class ||
        from->burst_exec + (now - from->started_at) > SHORT_BURST_NS)
        return;
    to->handed_rest = rest_to_hand_on(from, now);
    to->handed_deadline = from->deadline;
    to->handed_until = from->turn_until;
}

/* A waking task that was given a rest waits by it for this CPU, whose task is about to sleep, or
 * for any other of this cache. False if it was given none. */
static __always_inline bool take_handed(struct task_struct* p, const cpumask_t* allowed,
                                        struct task_ctx* tc, u64 enq_flags, u64 now) {
    struct target target = {.kick = SCX_KICK_PREEMPT};
    u64 rest = tc->handed_rest, dsq;

    if (!rest || now >= tc->handed_until)
        return false;
    tc->handed_rest = 0;
    count(handed_on);
    grant(tc, rest, tc->handed_deadline);
    tc->turn_until = tc->handed_until;
    target.cpu = pick_dry_cpu(allowed, tc->key, now);
    dsq = home_dsq(p, allowed, target.cpu < 0 ? (s32)bpf_get_smp_processor_id() : target.cpu);
    dsq_insert_vtime(p, dsq, rest, tc->deadline, enq_flags);
    kick_target(&target, dsq, now);
    return true;
}

#endif
