/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that wait because the limit of their group (cpu.max), or of one above it, is used up.
 *
 * They wait in a DSQ of their own, from which no CPU takes anything, in the order of when they are to
 * be looked at again. A timer, on only while there are any, does that:
 *
 *                      no budget when it is enqueued            budget, or due for a turn
 *     becomes runnable -----------------------------> held back ------------------------> waits for a
 *                  ^                                   |     ^                            CPU, runs
 *                  |       changes its group or class  |     |   no budget when it starts     |
 *                  +-----------------------------------+     +--------------------------------+
 *
 * Held back it counts as asleep: it waits for nobody, is owed nothing, and its group is not active
 * through it.
 *
 * A task is not held back in the middle of a system call, where it may hold locks that others wait
 * for: it runs on until it is seen outside of one, for at most KERNEL_GRACE_NS. One that wakes there
 * runs, too, unless the debt is larger than a quota, since it could else escape by sleeping often.
 * What they use is charged, so that the mean stays what the limit says.
 *
 * The kernel's watchdog ends a scheduler under which a task has not run for some seconds, whatever
 * the reason. So each task gets a turn in half of that time, for a moment and on credit.
 *
 * Kernel threads, our own threads and tasks that are about to die are not held back, nor is one that
 * may not leave its CPU for a moment, which is inside of the kernel for certain. All are charged.
 */
#ifndef RUSTLAND_HELD_BPF_H
#define RUSTLAND_HELD_BPF_H

#include "fair.bpf.h"
#include "lease.bpf.h"
#include "place.bpf.h"

/* A task that is held back is looked at again after so long at the latest: its limit may have been
 * lifted. */
#define HELD_AGAIN_NS 100000000ULL
/* After so long at the latest the timer looks whether one of them is to die. */
#define HELD_LOOK_NS 10000000ULL
#define HELD_LOOK_MAX 4096
/* Most that are let go, or put off, at once: bounded, since it is done with interrupts served late. */
#define HELD_BATCH 128
/* The shortest time between two looks. */
#define HELD_PAUSE_NS 50000ULL
/* CPU time that a task has without a budget to get out of the kernel. */
#define KERNEL_GRACE_NS 20000000ULL
/* It is looked at after this much each time. As much is the turn for the watchdog's sake. */
#define KERNEL_LOOK_NS 50000ULL
/* A slice shorter than this, which is about a tick, is ended by a timer. */
#define CUT_BELOW_NS 10000000ULL

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct timer_slot);
} held_timer SEC(".maps");

/* Ends slices, one for each CPU. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, RL_MAX_CPUS);
    __type(key, u32);
    __type(value, struct timer_slot);
} cut_timers SEC(".maps");

/* As timer_state of the lease, and for the same reason. */
u32 held_timer_state;
u64 held_timer_at; /* when it fires, while it is on */

/* It has been killed, or exits already. */
static __always_inline bool is_dying(const struct task_struct* p) {
    return (p->flags & PF_EXITING) || (p->pending.signal.sig[0] & 1UL << (SIGKILL - 1));
}

/* Whether the limits of p's group count for it. */
static __always_inline bool is_limited(const struct task_struct* p, const struct task_ctx* tc) {
    return tc->limited && !(p->flags & PF_KTHREAD) && !is_self(p) && !is_dying(p);
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

/* --- slices that end with the budget --------------------------------------------------- */

static int cut_timer_fired(void* map, u32* key, struct timer_slot* slot) {
    struct cpu_ctx* cc = cpu_ctx_of(*key);

    /* The task may have stopped and another one have started, whose time comes later. */
    if (cc && cc->cut_at && !older_than(now_ns(), cc->cut_at, HELD_PAUSE_NS))
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

/* The part of a slice that the budget of p's group allows, of which others in it want a part, too. */
static __always_inline void cut_to_budget(struct task_struct* p, struct task_ctx* tc,
                                          struct cpu_ctx* cc, s32 cpu, u64 left, u64 slice, u64 now) {
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

/* --- held back ------------------------------------------------------------------------- */

static __always_inline void held_timer_arm(u64 at, u64 now) {
    bool was_off = held_timer_state != TIMER_ARMED &&
                   __sync_lock_test_and_set(&held_timer_state, TIMER_ARMED) == TIMER_OFF;
    struct timer_slot* slot;
    u32 key = 0;

    if (at > now + HELD_LOOK_NS)
        at = now + HELD_LOOK_NS;
    if (at < now + HELD_PAUSE_NS)
        at = now + HELD_PAUSE_NS;
    if (!was_off && at >= held_timer_at)
        return;
    slot = bpf_map_lookup_elem(&held_timer, &key);
    if (!slot)
        return;
    held_timer_at = at;
    bpf_timer_start(&slot->timer, at - now, 0);
}

/* When a task is to be looked at again whose group has a budget at `at`. */
static __always_inline u64 look_again_at(const struct task_ctx* tc, u64 at, u64 now) {
    u64 turn = tc->no_turn_since + config.turn_after_ms * 1000000ULL;

    if (at > turn)
        at = turn;
    return at > now + HELD_AGAIN_NS ? now + HELD_AGAIN_NS : at;
}

/* It is not held back any more. */
static __always_inline void held_forget(struct task_ctx* tc) {
    u64 since, now;

    if (!tc->held_since)
        return;
    since = __sync_lock_test_and_set(&tc->held_since, 0);
    now = now_ns();
    if (since && now > since)
        count_n(held_ns, now - since);
}

/* Has p wait if a limit of its groups is used up. False if it need not. */
static __always_inline bool hold_back(struct task_struct* p, struct task_ctx* tc, u64 enq_flags,
                                      bool wakeup, u64 now) {
    u64 at;

    if (!is_limited(p, tc) || is_offline(scx_bpf_task_cpu(p)))
        return false;
    at = budget_back_at(tc->group, now);
    if (!at || has_grace(p, tc, wakeup))
        return false;
    count(held_back);
    tc->held_since = now;
    if (!tc->no_turn_since)
        tc->no_turn_since = now;
    tc->waits_since = 0;
    tc->turn = 0;
    tc->over_from = 0;
    fair_quiescent(tc);
    tc->asleep = 1;
    at = look_again_at(tc, at, now);
    dsq_insert_vtime(p, DSQ_HELD, config.slice_busy_ns, at, enq_flags);
    held_timer_arm(at, now);
    return true;
}

/* Whether the group has something for one more task, beside those that have been let go already. */
static __always_inline bool has_turn(struct task_ctx* tc, u64 now) {
    struct group* g = group_of(tc->group);

    if (!g)
        return true;
    if (g->let_go_at != now) {
        g->let_go_at = now;
        g->let_go = g->nr_active > 0 ? g->nr_active : 0;
    }
    if (!rl_limit_has_turn(budget_left(tc->group, now), g->let_go))
        return false;
    g->let_go++;
    return true;
}

/* When to look again at a task whose group has a budget that others are going to use. */
static __always_inline u64 others_first_until(struct task_ctx* tc, u64 now) {
    struct group* g = group_of(tc->group);
    u64 wait = g ? g->limit.period / 8 : 0;

    return now + (wait < HELD_LOOK_NS / 10 ? HELD_LOOK_NS / 10 : wait);
}

/* When to look at p again, which is held back; 0: it is let go. */
VERIFIED_ALONE u64 held_until(struct task_struct* p __arg_trusted, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);
    u64 at;

    if (!tc || is_offline(scx_bpf_task_cpu(p)))
        return 0;
    flat_weight(p, tc, now); /* reads its limits, too */
    if (!is_limited(p, tc))
        return 0;
    at = budget_back_at(tc->group, now);
    if (!at && !has_turn(tc, now))
        at = others_first_until(tc, now);
    if (!at)
        return 0;
    if (older_than(tc->no_turn_since, now, config.turn_after_ms * 1000000ULL - 1)) {
        tc->turn = 1;
        return 0;
    }
    return look_again_at(tc, at, now);
}

/* Has p ready to wait for a CPU, by what user space last said of it. */
VERIFIED_ALONE int prepare_to_let_go(struct task_struct* p __arg_trusted, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);
    s64 ahead;

    if (!tc)
        return 0;
    held_forget(tc);
    fair_settle(p, tc, 0, now);
    ahead = unasked_ahead(tc);
    grant(tc, slice_without_policy(), now + ahead);
    if (!tc->decided_key)
        tc->key = ahead;
    tc->waits_since = now;
    return 0;
}

/* How many tasks held_look has let go or put off. No local variable, since the verifier would follow
 * the loop for each value of it. */
u32 held_looked;

/* Looks at those whose time has come, and at all for whether they are to die. Returns when the next
 * one's time comes. */
VERIFIED_ALONE u64 held_look(u64 now) {
    struct bpf_iter_scx_dsq it;
    struct target target;
    u64 next;
    int i;

    held_looked = 0;
    /* The verifier takes what the callback set by a sleepable program calls for sleepable, too. */
    bpf_rcu_read_lock();
    if (!bpf_iter_scx_dsq_new(&it, DSQ_HELD, 0)) {
        bpf_for(i, 0, HELD_LOOK_MAX) {
            struct task_struct *listed = bpf_iter_scx_dsq_next(&it), *p;
            struct task_ctx* tc;
            u64 until, dsq;

            if (!listed || held_looked >= HELD_BATCH)
                break;
            if (listed->scx.dsq_vtime > now && !is_dying(listed) &&
                !is_offline(scx_bpf_task_cpu(listed)))
                continue;
            p = bpf_task_from_pid(listed->pid);
            if (!p)
                continue;
            held_looked++;
            until = held_until(p, now);
            tc = task_ctx_of(p);
            if (until) {
                scx_bpf_dsq_move_set_vtime(&it, until);
                scx_bpf_dsq_move_vtime(&it, p, DSQ_HELD, 0);
            } else if (tc) {
                const cpumask_t* allowed = p->cpus_ptr;

                prepare_to_let_go(p, now);
                pick_target(allowed, scx_bpf_task_cpu(p), tc->key, !is_batch(p), now, &target);
                tc->start = target.cpu >= 0 && target.kick == SCX_KICK_IDLE ? START_IDLE
                                                                            : START_FIRST;
                dsq = target.own ? DSQ_CPU(target.cpu) : home_dsq(p, allowed, target.cpu);
                move_pending(&it, p, dsq, tc->deadline, slice_without_policy());
                kick_target(&target, dsq, now);
            }
            bpf_task_release(p);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    next = head_of(DSQ_HELD);
    bpf_rcu_read_unlock();
    return next;
}

static int held_timer_fired(void* map, u32* key, struct timer_slot* slot) {
    u64 now = now_ns(), next, head;

    if (scx_bpf_dsq_nr_queued(DSQ_HELD) <= 0) {
        if (__sync_val_compare_and_swap(&held_timer_state, TIMER_LAST, TIMER_OFF) == TIMER_LAST)
            return 0;
        __sync_val_compare_and_swap(&held_timer_state, TIMER_ARMED, TIMER_LAST);
        held_timer_at = now + HELD_LOOK_NS;
        bpf_timer_start(&slot->timer, HELD_LOOK_NS, 0);
        return 0;
    }
    /* Who holds a task back from now on says when it is to be looked at. */
    held_timer_at = now + HELD_LOOK_NS;
    head = held_look(now);
    now = now_ns();
    next = head < held_timer_at ? head : held_timer_at;
    if (next < now + HELD_PAUSE_NS)
        next = now + HELD_PAUSE_NS;
    held_timer_at = next;
    bpf_timer_start(&slot->timer, next - now, 0);
    return 0;
}

static __always_inline int held_init(void) {
    u32 key = 0;
    struct timer_slot* slot = bpf_map_lookup_elem(&held_timer, &key);
    s32 i;

    if (!slot || bpf_timer_init(&slot->timer, &held_timer, CLOCK_MONOTONIC) ||
        bpf_timer_set_callback(&slot->timer, held_timer_fired))
        return -22; /* EINVAL */
    bpf_for(i, 0, config.nr_cpus) {
        key = i;
        slot = bpf_map_lookup_elem(&cut_timers, &key);
        if (!slot || bpf_timer_init(&slot->timer, &cut_timers, CLOCK_MONOTONIC) ||
            bpf_timer_set_callback(&slot->timer, cut_timer_fired))
            return -22;
    }
    return scx_bpf_create_dsq(DSQ_HELD, -1);
}

#endif
