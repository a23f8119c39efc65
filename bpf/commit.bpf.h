/* SPDX-License-Identifier: GPL-2.0-only */
/* The program that user space runs to have its decisions carried out, many at a time. */
#ifndef RUSTLAND_COMMIT_BPF_H
#define RUSTLAND_COMMIT_BPF_H

#include "lease.bpf.h"
#include "standing.bpf.h"

/*
 * Takes one row of the decision table over, if it is about the enqueue that p still waits in.
 * Returns the DSQ that p is to be moved to, 0 if nothing is to be done.
 */
static __always_inline u64 take_decision(struct task_struct* p, u32 row, u64 now) {
    struct rl_decision* d = bpf_map_lookup_elem(&decisions, &row);
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;

    read_here(allowed);
    if (!d || !tc || !word_claim(tc, d->seq)) {
        count(stale);
        return 0;
    }
    tc->decided_key = bounded_key(d->key);
    tc->request = d->request > (u64)RL_REQUEST_MAX_NS ? RL_REQUEST_MAX_NS : (s64)d->request;
    tc->bias = bounded_key(d->bias);
    tc->state = d->state;
    grant(tc, positive_slice(d->slice), d->deadline);
    pick_target_of(tc, allowed, scx_bpf_task_cpu(p), d->flags & RL_DECISION_PREEMPT, now, &target);
    tc->target = pack_target(target.cpu, target.kick, target.taker);
    tc->start = target.cpu >= 0 && target.kick == SCX_KICK_IDLE ? START_IDLE
                : d->flags & RL_DECISION_AGED                   ? START_AGED
                                                                : START_FIRST;
    tc->decision_flags = d->flags;
    note_standing(p, tc, d, now);
    return destination(p, allowed, &target, d->cpu);
}

/*
 * p has been moved, or could not be: then the claim is taken back. A CPU hears about a moved task:
 * the one that was chosen before, or one that has run dry meanwhile, which has looked before the
 * task was there.
 */
static __always_inline u32 decision_result(struct task_struct* p, u32 row, u64 dsq, u32 moved,
                                           u64 now) {
    struct rl_decision* d = bpf_map_lookup_elem(&decisions, &row);
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;

    read_here(allowed);
    if (!d || !tc)
        return RL_RESULT_STALE;
    if (!moved) {
        if (!word_unclaim(tc, d->seq)) {
            count(stale);
            return RL_RESULT_STALE;
        }
        count(retried);
        return RL_RESULT_RETRY;
    }
    count(decided);
    after_move(p, dsq);
    unpack_target(tc->target, &target);
    if (target.cpu < 0) {
        target.cpu = pick_dry_cpu(allowed, tc->decided_key, now);
        target.kick = SCX_KICK_PREEMPT;
    }
    kick_target(&target, dsq, now);
    return RL_RESULT_MOVED;
}

/*
 * The same as functions that the verifier checks once, and not in each state of the loop below.
 * They hold the lock, as their caller does, because the verifier does not see that when it checks
 * them.
 */
VERIFIED_ALONE u64 take_decision_alone(struct task_struct* p __arg_trusted, u32 row, u64 now) {
    u64 dsq;

    bpf_rcu_read_lock();
    dsq = take_decision(p, row, now);
    bpf_rcu_read_unlock();
    return dsq;
}

VERIFIED_ALONE u32 decision_result_alone(struct task_struct* p __arg_trusted, u32 row, u64 dsq,
                                         u32 moved, u64 now) {
    u32 result;

    bpf_rcu_read_lock();
    result = decision_result(p, row, dsq, moved, now);
    bpf_rcu_read_unlock();
    return result;
}

static __always_inline u64 place_of_decision(struct task_struct* p, const struct rl_decision* d) {
    struct task_ctx* tc = task_ctx_of(p);

    return tc ? place_in_queue(tc->target, d->deadline) : d->deadline;
}

SEC("syscall")
int rl_commit(void* ctx) {
    struct rl_control* c = the_control();
    struct bpf_iter_scx_dsq it;
    u64 now = now_ns();
    u32 i;

    if (!c)
        return -1;
    c->last_commit = now;
    c->lease_since = 0;
    unheard_since = 0;
    bpf_rcu_read_lock();
    if (!bpf_iter_scx_dsq_new(&it, DSQ_PENDING, 0)) {
        bpf_for(i, 0, c->nr_decisions) {
            u32 row = i;
            struct rl_decision* d = bpf_map_lookup_elem(&decisions, &row);
            struct task_struct* p;
            u32 moved;
            u64 dsq;

            if (!d)
                break;
            p = bpf_task_from_pid(d->pid);
            if (!p) {
                count(stale);
                d->result = RL_RESULT_STALE;
                continue;
            }
            d->result = RL_RESULT_STALE;
            dsq = take_decision_alone(p, row, now);
            if (dsq) {
                moved =
                    move_pending(&it, p, dsq, place_of_decision(p, d), positive_slice(d->slice));
                d->result = decision_result_alone(p, row, dsq, moved, now);
            }
            bpf_task_release(p);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    bpf_rcu_read_unlock();
    return 0;
}

#endif
