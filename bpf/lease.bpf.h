/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lease: what happens when user space does not decide in time.
 *
 * Every task waits in the pending DSQ, oldest first. Once the oldest has waited for longer than the
 * lease, ops.dispatch moves expired tasks on by itself, in the order in which they came. A timer,
 * armed only while tasks are pending, makes sure that some CPU runs ops.dispatch even on a machine
 * where nothing else happens. After leave_ns on the lease without a commit, the scheduler leaves
 * and the kernel's own takes over.
 */
#ifndef RUSTLAND_LEASE_BPF_H
#define RUSTLAND_LEASE_BPF_H

#include "place.bpf.h"

/* Expired tasks that one ops.dispatch moves: bounded, since it runs with the run queue locked. */
#define LEASE_BATCH 16

struct timer_slot {
    struct bpf_timer timer;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct timer_slot);
} lease_timer SEC(".maps");

/*
 * The timer's state. It is taken off only after it has found nothing pending twice: a task shows up
 * in the pending DSQ only some time after its ops.enqueue armed the timer.
 */
enum { TIMER_OFF = 0, TIMER_LAST = 1, TIMER_ARMED = 2 };
u32 timer_state;
/* No pending task is older than this: the head of the DSQ when it was last looked at. */
u64 oldest_hint;
/* Since when a record lies in the ring without a wake-up; 0: none does. */
u64 unheard_since;

static __always_inline void timer_start(u64 delay) {
    u32 key = 0;
    struct timer_slot* slot = bpf_map_lookup_elem(&lease_timer, &key);

    if (slot)
        bpf_timer_start(&slot->timer, delay, 0);
}

/* Called at each enqueue into the pending DSQ; a plain read but for the first of a burst. */
static __always_inline void lease_arm(void) {
    if (timer_state != TIMER_ARMED &&
        __sync_lock_test_and_set(&timer_state, TIMER_ARMED) == TIMER_OFF)
        timer_start(config.lease_ns);
}

static __always_inline void wake_user_space(void) {
    void* nothing = bpf_ringbuf_reserve(&queued_ring, 8, 0);

    unheard_since = 0;
    count(notified);
    if (nothing)
        bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

static __always_inline u64 slice_without_policy(void) { return config.slice_busy_ns; }

/* The kernel complains about a task that is to run for no time at all. */
static __always_inline u64 positive_slice(u64 slice) {
    return slice ? slice : slice_without_policy();
}

/*
 * From here on tasks are dispatched without asking. Wakes user space, for it may be asleep with all
 * records answered: then a task has expired whose answer went astray, and no new record would come
 * to wake it. If it is well it commits at once, which ends the lease.
 */
static __always_inline void note_silence(struct rl_control* c, u64 now) {
    if (c->lease_since || !older_than(c->last_commit, now, config.lease_ns))
        return;
    c->lease_since = now;
    wake_user_space();
}

#define NOT_EXPIRED (~0ULL)

/* Claims the enqueue with this word if its lease is over. Returns the DSQ that p is to be moved to,
 * 0 if somebody else has it, NOT_EXPIRED if its time has not come. */
VERIFIED_ALONE u64 take_expired(struct task_struct* p __arg_trusted, u64 word, u64 now) {
    struct rl_control* c = the_control();
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;

    read_here(allowed);
    if (tc)
        oldest_hint = tc->enqueued_at;
    if (!c || !tc || !older_than(tc->enqueued_at, now, config.lease_ns - 1))
        return NOT_EXPIRED;
    note_silence(c, now);
    if ((word & WORD_MASK) != WORD_PENDING || !word_claim(tc, word >> 2))
        return 0;
    pick_target(allowed, scx_bpf_task_cpu(p), 0, false, now, &target);
    tc->target = pack_target(target.cpu, target.kick, target.taker);
    grant(tc, slice_without_policy(), tc->enqueued_at);
    return destination(p, allowed, &target, -1);
}

/* p has been moved, or could not be: then the claim is taken back. */
VERIFIED_ALONE int expired_result(struct task_struct* p __arg_trusted, u64 word, u64 dsq, u32 moved,
                                  u64 now) {
    struct task_ctx* tc = task_ctx_of(p);

    if (!tc)
        return 0;
    if (!moved) {
        word_unclaim(tc, word >> 2);
        return 0;
    }
    count(fallback);
    tell_target(p, tc, dsq, now);
    return 0;
}

/* Moves expired pending tasks, oldest first, to where a decision would have put them. */
VERIFIED_ALONE int lease_drain(u64 now) {
    struct bpf_iter_scx_dsq it;
    int i;

    if (!bpf_iter_scx_dsq_new(&it, DSQ_PENDING, 0)) {
        bpf_for(i, 0, LEASE_BATCH) {
            struct task_struct *listed = bpf_iter_scx_dsq_next(&it), *p;
            struct task_ctx* tc;
            u64 dsq = NOT_EXPIRED, word;

            if (!listed)
                break;
            /* The iterator's pointer is not trusted by the verifier: look the task up again. */
            p = bpf_task_from_pid(listed->pid);
            if (!p)
                continue;
            tc = task_ctx_of(p);
            if (tc) {
                word = tc->word;
                dsq = take_expired(p, word, now);
                if (dsq && dsq != NOT_EXPIRED)
                    expired_result(p, word, dsq,
                                   move_pending(&it, p, dsq, tc->deadline, tc->granted), now);
            }
            bpf_task_release(p);
            if (dsq == NOT_EXPIRED)
                break;
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    return 0;
}

/* The CPU on which the oldest pending task could run, or -1; *waited is for how long it waits. */
static s32 oldest_pending(u64 now, u64* waited) {
    struct bpf_iter_scx_dsq it;
    struct task_struct *listed, *p;
    struct task_ctx* tc;
    s32 cpu = -1;

    *waited = 0;
    if (!bpf_iter_scx_dsq_new(&it, DSQ_PENDING, 0)) {
        listed = bpf_iter_scx_dsq_next(&it);
        p = listed ? bpf_task_from_pid(listed->pid) : NULL;
        if (p) {
            const cpumask_t* allowed = p->cpus_ptr;

            read_here(allowed);
            tc = task_ctx_of(p);
            if (tc && now > tc->enqueued_at)
                *waited = now - tc->enqueued_at;
            cpu = scx_bpf_task_cpu(p);
            if (!bpf_cpumask_test_cpu(cpu, allowed))
                cpu = bpf_cpumask_first(allowed);
            bpf_task_release(p);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    return cpu;
}

static int lease_timer_fired(void* map, u32* key, struct timer_slot* slot) {
    static char leave_msg[] = "user space did not decide for too long";
    unsigned long long no_args[1] = {};
    struct rl_control* c = the_control();
    u64 now = now_ns(), waited;
    s32 cpu;

    if (!c)
        return 0;
    if (c->lease_since && older_than(c->lease_since, now, config.leave_ns)) {
        scx_bpf_exit_bstr(RL_EXIT_LEASE, leave_msg, no_args, sizeof(no_args));
        return 0;
    }
    if (scx_bpf_dsq_nr_queued(DSQ_PENDING) <= 0 && !c->lease_since) {
        if (__sync_val_compare_and_swap(&timer_state, TIMER_LAST, TIMER_OFF) == TIMER_LAST)
            return 0;
        __sync_val_compare_and_swap(&timer_state, TIMER_ARMED, TIMER_LAST);
        bpf_timer_start(&slot->timer, config.lease_ns, 0);
        return 0;
    }
    /* Up to 6.17 the verifier takes a callback set by a sleepable program for sleepable, too. */
    bpf_rcu_read_lock();
    cpu = oldest_pending(now, &waited);
    bpf_rcu_read_unlock();
    if (waited >= config.lease_ns) {
        note_silence(c, now);
        /* Preempt, since its dispatch must run now and not at the end of a slice. */
        if (cpu >= 0)
            scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
        waited = 0;
    }
    bpf_timer_start(&slot->timer, config.lease_ns - waited, 0);
    return 0;
}

static __always_inline int lease_init(void) {
    u32 key = 0;
    struct timer_slot* slot = bpf_map_lookup_elem(&lease_timer, &key);

    if (!slot)
        return -2;
    if (bpf_timer_init(&slot->timer, &lease_timer, CLOCK_MONOTONIC))
        return -22;
    return bpf_timer_set_callback(&slot->timer, lease_timer_fired);
}

#endif
