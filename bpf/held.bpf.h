/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that wait because the limit of their group (cpu.max), or of one above it, is used up.
 *
 * They wait in a DSQ of their own, from which no CPU takes anything, in the order of when they are
 * to be looked at again. A timer, on only while there are any, does that:
 *
 *     becomes runnable ----- budget -----------------------> waits for a CPU ---> runs
 *         ^     |                                              ^       |
 *         |     | no budget                   budget, or due   |       | no budget
 *         |     v                             for a turn       |       v when it starts
 *         +--- held back --------------------------------------+   held back
 *          changes its group or class
 *
 * Held back it counts as asleep: it waits for nobody, is owed nothing, and its group is not active
 * through it.
 *
 * The kernel's watchdog ends a scheduler under which a task has not run for some seconds, whatever
 * the reason. So each task gets a turn in half of that time, for a moment and on credit.
 */
#ifndef RUSTLAND_HELD_BPF_H
#define RUSTLAND_HELD_BPF_H

#include "limited.bpf.h"
#include "queues.bpf.h"

/* A task that is held back is looked at again after so long at the latest: its limit may have been
 * lifted. */
#define HELD_AGAIN_NS 100000000ULL
/* After so long at the latest the timer looks whether one of them is to die. */
#define HELD_LOOK_NS 10000000ULL
#define HELD_LOOK_MAX 4096
/* Most that are let go, or put off, at once: bounded, since other timers wait for it. */
#define HELD_BATCH 128
/* The shortest time between two looks. */
#define HELD_PAUSE_NS 50000ULL

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct timer_slot);
} held_timer SEC(".maps");

/* As timer_state of the lease, and for the same reason. */
u32 held_timer_state;
u64 held_timer_at; /* when it fires, while it is on */

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
    group_refresh(p, tc, now);
    flat_weight(tc); /* reads its limits, too */
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

/* Has p ready to wait for a CPU, by what user space last said of it. Returns the DSQ in which it is
 * to wait. Holds the lock, as its caller does, because the verifier does not see that when it
 * checks this function by itself. */
VERIFIED_ALONE u64 prepare_to_let_go(struct task_struct* p __arg_trusted, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed;
    struct target target;
    s64 ahead;
    u64 dsq;

    bpf_rcu_read_lock();
    allowed = p->cpus_ptr;
    read_here(allowed);
    if (!tc) {
        bpf_rcu_read_unlock();
        return 0;
    }
    held_forget(tc);
    fair_settle(p, tc, 0, now);
    ahead = unasked_ahead(tc);
    grant(tc, slice_without_policy(), now + ahead);
    if (!tc->decided_key)
        tc->key = ahead;
    tc->waits_since = now;
    pick_target(allowed, scx_bpf_task_cpu(p), tc->key, !is_batch(p), now, &target);
    dsq = destination(p, allowed, &target, -1);
    bpf_rcu_read_unlock();
    tc->target = pack_target(target.cpu, target.kick, target.taker);
    tc->start = target.cpu >= 0 && target.kick == SCX_KICK_IDLE ? START_IDLE : unasked_start(ahead);
    return dsq;
}

VERIFIED_ALONE int tell_let_go(struct task_struct* p __arg_trusted, u64 dsq, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc)
        tell_target(p, tc, dsq, now);
    return 0;
}

/* How many tasks held_look has let go or put off. No local variable, since the verifier would
 * follow the loop for each value of it. */
u32 held_looked;

/* Looks at those whose time has come, and at all for whether they are to die. Returns when the next
 * one's time comes. */
VERIFIED_ALONE u64 held_look(u64 now) {
    struct bpf_iter_scx_dsq it;
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
            if (until) {
                scx_bpf_dsq_move_set_vtime(&it, until);
                scx_bpf_dsq_move_vtime(&it, p, DSQ_HELD, 0);
            } else {
                dsq = prepare_to_let_go(p, now);
                tc = task_ctx_of(p);
                if (dsq && tc && move_pending(&it, p, dsq, tc->deadline, slice_without_policy()))
                    tell_let_go(p, dsq, now);
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
