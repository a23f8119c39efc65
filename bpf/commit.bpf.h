/* SPDX-License-Identifier: GPL-2.0-only */
/* The program that user space runs to have its decisions carried out, many at a time. */
#ifndef RUSTLAND_COMMIT_BPF_H
#define RUSTLAND_COMMIT_BPF_H

#include "lease.bpf.h"

/* Tells a CPU about a task that now waits in dsq: the one that was chosen before, or one that has
 * run dry meanwhile, which has looked before the task was there. */
VERIFIED_ALONE int tell_moved(const struct cpumask* allowed __arg_trusted, s64 key, u64 dsq,
                              u64 packed, u64 now) {
    struct target target;

    unpack_target(packed, &target);
    if (target.cpu < 0) {
        target.cpu = pick_dry_cpu(allowed, key, now);
        target.kick = SCX_KICK_PREEMPT;
    }
    kick_target(&target, dsq, now);
    return 0;
}

/* Carries out one row of the decision table. */
static __always_inline u32 commit_one(struct bpf_iter_scx_dsq* it, struct task_struct* p,
                                      struct rl_decision* d, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;
    /* The kernel complains about a task that is to run for no time at all. */
    u64 slice = d->slice ? d->slice : slice_without_policy();
    s64 key = bounded_key(d->key);
    u64 dsq;

    if (!tc || !word_claim(tc, d->seq)) {
        count(stale);
        return RL_RESULT_STALE;
    }
    pick_target(allowed, scx_bpf_task_cpu(p), key, d->flags & RL_DECISION_PREEMPT, now, &target);
    tc->state = d->state;
    tc->decided_key = key;
    grant(tc, slice, d->deadline);
    tc->request = d->request > (u64)RL_REQUEST_MAX_NS ? RL_REQUEST_MAX_NS : (s64)d->request;
    tc->bias = bounded_key(d->bias);
    tc->start = target.cpu >= 0 && target.kick == SCX_KICK_IDLE ? START_IDLE
                : d->flags & RL_DECISION_AGED                   ? START_AGED
                                                                : START_FIRST;
    tc->decision_flags = d->flags;
    dsq = target.own ? DSQ_CPU(target.cpu)
                     : home_dsq(p, allowed, target.cpu >= 0 ? target.cpu : d->cpu);
    if (move_pending(it, p, dsq, d->deadline, slice)) {
        count(decided);
        tell_moved(allowed, key, dsq, pack_target(target.cpu, target.kick, 0), now);
        return RL_RESULT_MOVED;
    }
    if (!word_unclaim(tc, d->seq)) {
        count(stale);
        return RL_RESULT_STALE;
    }
    count(retried);
    return RL_RESULT_RETRY;
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

            if (!d)
                break;
            p = bpf_task_from_pid(d->pid);
            if (!p) {
                count(stale);
                d->result = RL_RESULT_STALE;
                continue;
            }
            d->result = commit_one(&it, p, d, now);
            bpf_task_release(p);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    bpf_rcu_read_unlock();
    return 0;
}

#endif
