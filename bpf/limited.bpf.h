/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whom a limit (cpu.max) counts for, and how long they may run: slices that end with the budget.
 *
 * A task is not stopped in the middle of a system call, where it may hold locks that others wait
 * for: it runs on until it is seen outside of one, for at most KERNEL_GRACE_NS. One that wakes
 * there runs, too, unless the debt is larger than a quota, since it could else escape by sleeping
 * often. What they use is charged, so that the mean stays what the limit says.
 *
 * Kernel threads, our own threads and tasks that are about to die are not limited, nor is one that
 * may not leave its CPU for a moment, which is inside of the kernel for certain. All are charged.
 */
#ifndef RUSTLAND_LIMITED_BPF_H
#define RUSTLAND_LIMITED_BPF_H

#include "fair.bpf.h"
#include "lease.bpf.h"
#include "place.bpf.h"

/* CPU time that a task has without a budget to get out of the kernel. */
#define KERNEL_GRACE_NS 20000000ULL
/* It is looked at after this much each time. As much is the turn for the watchdog's sake. */
#define KERNEL_LOOK_NS 50000ULL
/* A slice shorter than this, which is about a tick, is ended by a timer. */
#define CUT_BELOW_NS 10000000ULL
/* A timer that fires by so much before its time has fired in time. */
#define CUT_EARLY_NS 50000ULL

/* Ends slices, one for each CPU. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, RL_MAX_CPUS);
    __type(key, u32);
    __type(value, struct timer_slot);
} cut_timers SEC(".maps");

/* It has been killed, or exits already. The process knows it longest: a thread takes the signal off
 * its list some time before it counts as exiting. */
VERIFIED_ALONE int is_dying(struct task_struct* p __arg_trusted) {
    return (p->flags & PF_EXITING) || (p->pending.signal.sig[0] & 1UL << (SIGKILL - 1)) ||
           (READ_ONLY(p)->signal->flags & SIGNAL_GROUP_EXIT);
}

/* Whether the limits of p's group count for it. */
static __always_inline bool is_limited(struct task_struct* p, const struct task_ctx* tc) {
    return tc->limited && !(p->flags & PF_KTHREAD) && !is_self(p) && !is_beside_self(p) &&
           !is_dying(p);
}

/* Whether p is in a system call, as far as can be seen: then it may hold locks of the kernel. A new
 * task has the registers of the one that made it. */
static __always_inline bool in_system_call(struct task_struct* p, const struct task_ctx* tc) {
    struct pt_regs* regs = (void*)bpf_task_pt_regs(p);

    if (!tc->sum_exec)
        return false;
    if (bpf_core_field_exists(regs->orig_ax))
        return regs->orig_ax >= 0;
    return bpf_core_field_exists(regs->syscallno) && regs->syscallno >= 0;
}

/* Whether p, whose limit is used up, may run all the same to get out of the kernel. */
static __always_inline bool has_grace(struct task_struct* p, struct task_ctx* tc, bool wakes) {
    if (!in_system_call(p, tc) || (wakes && budget_is_deep(tc->group)))
        return false;
    return !tc->over_from || tc->sum_exec - tc->over_from < KERNEL_GRACE_NS;
}

/* Called from ops.select_cpu, where an idle CPU would take p at once. */
static __always_inline bool must_wait_for_budget(struct task_struct* p) {
    struct task_ctx* tc = task_ctx_of(p);

    return tc && is_limited(p, tc) && !budget_left(tc->group, now_ns()) && !has_grace(p, tc, true);
}

static int cut_timer_fired(void* map, u32* key, struct timer_slot* slot) {
    struct cpu_ctx* cc = cpu_ctx_of(*key);

    /* The task may have stopped and another one have started, whose time comes later. */
    if (cc && cc->cut_at && !older_than(now_ns(), cc->cut_at, CUT_EARLY_NS))
        scx_bpf_kick_cpu(*key, SCX_KICK_PREEMPT);
    return 0;
}

/* p, which runs on this CPU or is about to, gets no more than `slice`. */
static __always_inline void cut_slice(struct task_struct* p, struct cpu_ctx* cc, s32 cpu, u64 slice,
                                      u64 now) {
    u32 key = cpu;
    struct timer_slot* slot;

    set_slice(p, slice);
    if (slice >= CUT_BELOW_NS)
        return;
    slot = bpf_map_lookup_elem(&cut_timers, &key);
    if (!slot)
        return;
    cc->cut_at = now + slice;
    bpf_timer_start(&slot->timer, slice, 0);
}

/* The part of a slice that the budget of p's group allows, of which others in it want a part, too.
 */
static __always_inline void cut_to_budget(struct task_struct* p, struct task_ctx* tc,
                                          struct cpu_ctx* cc, s32 cpu, u64 left, u64 slice,
                                          u64 now) {
    struct group* g = group_of(tc->group);
    s32 sharers = g ? g->nr_active : 1;
    u64 part;

    if (sharers > (s32)nr_online)
        sharers = nr_online;
    part = rl_limit_slice(left, sharers > 0 ? sharers : 1, slice);
    if (part < slice)
        cut_slice(p, cc, cpu, part, now);
}

/* p, which runs, has just got this slice without having been stopped. */
static __always_inline void limit_goes_on(struct task_struct* p, struct task_ctx* tc,
                                          struct cpu_ctx* cc, s32 cpu, u64 slice, u64 now) {
    u64 left;

    cc->cut_at = 0;
    cc->limited = tc->limited;
    if (!is_limited(p, tc))
        return;
    left = budget_left(tc->group, now);
    if (left) {
        tc->over_from = 0;
        cut_to_budget(p, tc, cc, cpu, left, slice, now);
    } else {
        if (!tc->over_from)
            tc->over_from = tc->sum_exec;
        cut_slice(p, cc, cpu, KERNEL_LOOK_NS, now);
    }
}

/* p starts to run. */
static __always_inline void limit_running(struct task_struct* p, struct task_ctx* tc,
                                          struct cpu_ctx* cc, s32 cpu, u64 now) {
    u64 left;

    if (!is_limited(p, tc) || may_not_migrate(p, programs_on(p, 0)))
        return;
    cc->limited = 1;
    left = budget_left(tc->group, now);
    if (left) {
        tc->over_from = 0;
        cut_to_budget(p, tc, cc, cpu, left, p->scx.slice, now);
    } else if (tc->turn || has_grace(p, tc, false)) {
        if (!tc->over_from)
            tc->over_from = tc->sum_exec;
        cut_slice(p, cc, cpu, KERNEL_LOOK_NS, now);
    } else {
        /* It waited for a CPU while others used the budget up. This much of a turn is enough for
         * the watchdog; its next enqueue holds it back. */
        scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
        return;
    }
    tc->turn = 0;
    tc->no_turn_since = 0;
}

/* p runs on, at a tick. */
static __always_inline void limit_tick(struct task_struct* p, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);

    if (!tc)
        return;
    account(p, tc, now);
    if (is_limited(p, tc) && !budget_left(tc->group, now) && !has_grace(p, tc, false))
        set_slice(p, 0);
}

/* p's slice is over, and it would run on: whether it may not. */
static __always_inline bool must_stop(struct task_struct* p, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);

    if (!tc || !is_limited(p, tc))
        return false;
    account(p, tc, now);
    return !budget_left(tc->group, now) && !may_not_migrate(p, programs_on(p, 0)) &&
           !has_grace(p, tc, false);
}

#endif
