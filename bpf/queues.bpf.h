/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a CPU takes its next task from: the queue of its cache, its own, and those of others.
 */
#ifndef RUSTLAND_QUEUES_BPF_H
#define RUSTLAND_QUEUES_BPF_H

#include "fair_math.h"
#include "state.bpf.h"

/* The deadline of the first task in a DSQ; the largest number if it is empty. */
static __always_inline u64 head_of(u64 dsq) {
    struct bpf_iter_scx_dsq it;
    struct task_struct* p;
    u64 deadline = ~0ULL;

    if (!bpf_iter_scx_dsq_new(&it, dsq, 0)) {
        p = bpf_iter_scx_dsq_next(&it);
        if (p)
            deadline = p->scx.dsq_vtime;
    }
    bpf_iter_scx_dsq_destroy(&it);
    return deadline;
}

VERIFIED_ALONE u64 head_deadline(u64 dsq) { return head_of(dsq); }

/* The deadline of the first task in a DSQ that may run on this CPU, if that is one of the first
 * few: only then is it consumed, since the kernel would walk over all the others. Else the largest
 * number. */
VERIFIED_ALONE u64 first_deadline_for(u64 dsq, s32 cpu) {
    struct bpf_iter_scx_dsq it;
    struct task_struct* p;
    u64 deadline = ~0ULL;
    int i;

    if (!bpf_iter_scx_dsq_new(&it, dsq, 0)) {
        bpf_for(i, 0, 4) {
            p = bpf_iter_scx_dsq_next(&it);
            if (!p)
                break;
            if (bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) {
                deadline = p->scx.dsq_vtime;
                break;
            }
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    return deadline;
}

/* How long a task of another queue must be overdue to be fetched by a CPU that has work. */
#define OVERDUE_NS 20000000ULL

/*
 * Looks into one other queue, a different one each time, and takes its first task if that is long
 * overdue and due before ours. So caches do not drift apart while no CPU is idle, and tasks do not
 * stay behind on a CPU that went offline or that a real-time task keeps.
 */
static __always_inline bool fetch_overdue(struct cpu_ctx* cc, s32 cpu, u32 own_llc, u64 now) {
    u32 turn, nr_queues = config.nr_llcs + config.nr_cpus;
    u64 dsq, theirs;

    if (!cc)
        return false;
    turn = cc->turn++ % nr_queues;
    dsq = turn < config.nr_llcs ? DSQ_LLC(turn) : DSQ_CPU(turn - config.nr_llcs);
    if (dsq == DSQ_LLC(own_llc) || dsq == DSQ_CPU(cpu) || scx_bpf_dsq_nr_queued(dsq) <= 0)
        return false;
    theirs = first_deadline_for(dsq, cpu);
    if (theirs + OVERDUE_NS >= now || theirs >= head_deadline(DSQ_LLC(own_llc)) ||
        theirs >= head_deadline(DSQ_CPU(cpu)))
        return false;
    if (!dsq_move_to_local(dsq))
        return false;
    count(stolen);
    return true;
}

static __always_inline bool may_look_elsewhere(struct cpu_ctx* cc, u64 now) {
    if (config.nr_llcs < 2 || !older_than(cc->looked_elsewhere_at, now, RL_LLC_LOOK_NS))
        return false;
    cc->looked_elsewhere_at = now;
    return true;
}

/*
 * Fetches the first task of another cache's queue, a different one each time, if it comes before
 * all that wait here and before `ours`. One clock tells the deadlines of all caches, so that the
 * tasks of the cache with more to do come earlier: this keeps caches even, by weight.
 */
VERIFIED_ALONE int fetch_earlier(struct cpu_ctx* cc __arg_nonnull, s32 cpu, u32 own_llc, u64 ours) {
    u32 llc = (own_llc + 1 + cc->llc_turn++ % (config.nr_llcs - 1)) % config.nr_llcs;
    u64 theirs;

    if (scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) <= 0)
        return false;
    theirs = first_deadline_for(DSQ_LLC(llc), cpu);
    if (theirs == ~0ULL)
        return false;
    theirs += RL_LLC_MARGIN_NS;
    if (theirs >= ours || theirs >= head_deadline(DSQ_LLC(own_llc)) ||
        theirs >= head_deadline(DSQ_CPU(cpu)) || !dsq_move_to_local(DSQ_LLC(llc)))
        return false;
    count(stolen);
    return true;
}

/* How often a CPU looks for tasks that only it may run and that are overdue, and by how much. */
#define OWN_OVERDUE_NS 50000000ULL

/*
 * Takes a task that waits for this CPU alone and is overdue, whoever comes first. A foreground
 * leaves others their share of the machine, and chance decides on which of the CPUs: a task that
 * may run on a single one could wait for long. It is one slice in 50 ms at most, about as much of
 * this CPU as that share is by default.
 */
static __always_inline bool consume_own_overdue(struct cpu_ctx* cc, s32 cpu, u64 now) {
    if (!older_than(cc->looked_overdue_at, now, OWN_OVERDUE_NS))
        return false;
    cc->looked_overdue_at = now;
    if (scx_bpf_dsq_nr_queued(DSQ_CPU(cpu)) <= 0 ||
        !older_than(head_deadline(DSQ_CPU(cpu)), now, OWN_OVERDUE_NS))
        return false;
    return dsq_move_to_local(DSQ_CPU(cpu));
}

/* Own cache's DSQ and own DSQ, the earlier deadline first. */
VERIFIED_ALONE int consume_own(s32 cpu, u64 llc_dsq) {
    u64 cpu_dsq = DSQ_CPU(cpu);

    if (scx_bpf_dsq_nr_queued(cpu_dsq) <= 0)
        return dsq_move_to_local(llc_dsq);
    if (scx_bpf_dsq_nr_queued(llc_dsq) > 0 && head_deadline(llc_dsq) < head_deadline(cpu_dsq) &&
        dsq_move_to_local(llc_dsq))
        return true;
    return dsq_move_to_local(cpu_dsq) || dsq_move_to_local(llc_dsq);
}

/* What waits elsewhere, for a CPU that would go idle: other caches first, then single CPUs' DSQs.
 */
VERIFIED_ALONE int steal(s32 cpu, u32 own_llc) {
    s32 i;

    bpf_for(i, 1, config.nr_llcs) {
        u32 llc = (own_llc + (u32)i) % config.nr_llcs;

        if (scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) > 0 && dsq_move_to_local(DSQ_LLC(llc))) {
            count(stolen);
            return true;
        }
    }
    bpf_for(i, 1, config.nr_cpus) {
        u32 other = ((u32)cpu + (u32)i) % config.nr_cpus;

        if (scx_bpf_dsq_nr_queued(DSQ_CPU(other)) > 0 &&
            first_deadline_for(DSQ_CPU(other), cpu) != ~0ULL && dsq_move_to_local(DSQ_CPU(other))) {
            count(stolen);
            return true;
        }
    }
    return false;
}

#endif
