/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a task goes that has become runnable: to an idle CPU, past user space, back to where it was
 * interrupted, or into the pending DSQ with a record for user space.
 */
#ifndef RUSTLAND_ENQUEUE_BPF_H
#define RUSTLAND_ENQUEUE_BPF_H

#include "called.bpf.h"
#include "fair.bpf.h"
#include "hand_on.bpf.h"
#include "held.bpf.h"
#include "lease.bpf.h"
#include "standing.bpf.h"
#include "waits.bpf.h"

static __always_inline u64 kernel_slice(s32 cpu) {
    return scx_bpf_dsq_nr_queued(DSQ_LLC(llc_of(cpu))) > 0 ? config.slice_busy_ns : config.slice_ns;
}

/* A memory-management daemon works with locks of a program's memory held, of a game's, too: as long
 * as others come between its slices, that program stands still. One slice is for a whole round of
 * it; whatever is urgent interrupts it all the same. */
#define MEMORY_SLICE_NS 50000000ULL

/* The slice of a task that goes past user space: kernel threads that are bound to a CPU, and those
 * that free memory, since user space must never be waited for by something that it may itself wait
 * for. 0: not such a task. */
static __always_inline u64 slice_past_user_space(const struct task_struct* p) {
    if (!(p->flags & PF_KTHREAD))
        return 0;
    if (p->nr_cpus_allowed == 1)
        return config.slice_busy_ns;
    /* kswapdN, kcompactdN, khugepaged */
    return !bpf_strncmp(p->comm, 6, "kswapd") || !bpf_strncmp(p->comm, 9, "kcompactd") ||
                   !bpf_strncmp(p->comm, 10, "khugepaged")
               ? MEMORY_SLICE_NS
               : 0;
}

/* A CPU for our own thread while the foreground runs on this one: an idle one, or one that runs
 * something else. */
static __always_inline s32 cpu_beside_foreground(const cpumask_t* allowed, s32 prev_cpu, s64 key,
                                                 u64 now) {
    s32 here = bpf_get_smp_processor_id(), cpu;

    cpu = pick_idle_cpu(allowed, here);
    if (cpu < 0)
        cpu = pick_victim(allowed, prev_cpu, key + FAR_NS, now);
    return cpu < 0 ? here : cpu;
}

/* A CPU where a task of our class runs or nothing does: our own thread can start there at once. */
static __always_inline s32 cpu_for_self(const cpumask_t* allowed, s32 prev_cpu, u64 now) {
    struct task_struct* current = (void*)bpf_get_current_task_btf();
    s32 here = bpf_get_smp_processor_id(), cpu;
    struct cpu_ctx* cc = cpu_ctx_of(here);

    if (current->prio >= MAX_RT_PRIO && bpf_cpumask_test_cpu(here, allowed)) {
        if (cc && cc->pid && cc->key < -FAR_NS)
            return cpu_beside_foreground(allowed, prev_cpu, cc->key, now);
        return here;
    }
    cpu = pick_idle_cpu(allowed, here);
    if (cpu >= 0)
        return cpu;
    bpf_for(cpu, 0, config.nr_cpus) {
        cc = cpu_ctx_of(cpu);
        if (cc && cc->pid && bpf_cpumask_test_cpu(cpu, allowed))
            return cpu;
    }
    return prev_cpu;
}

/*
 * Our own thread wakes on the CPU where the event happened that it is to answer, at once: no other
 * CPU has to be interrupted, and the task that it decides about can follow it there. A foreground
 * task alone is spared, which would be interrupted by each of its own wake-ups.
 */
static __always_inline s32 select_cpu_self(struct task_struct* p, s32 prev_cpu) {
    u64 now = now_ns();
    s32 cpu = cpu_for_self(p->cpus_ptr, prev_cpu, now);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    struct task_ctx* tc = task_ctx_of(p);

    if (cc) {
        cc->self_coming = 1;
        cc->interrupted = NO_TASK_INTERRUPTED;
    }
    if (tc)
        grant(tc, config.slice_busy_ns, now);
    count(bypass_self);
    dsq_insert(p, SCX_DSQ_LOCAL, config.slice_busy_ns,
               bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_PREEMPT));
    return cpu;
}

/* Where CPUs differ in capacity, an idle large one; else the choice is left to the kernel, which
 * knows about SMT siblings, caches and nodes. */
static __always_inline s32 select_big_cpu(struct task_struct* p, s32 prev_cpu, u64 wake_flags) {
    struct bpf_cpumask* big;

    if (!config.heterogeneous)
        return -1;
    big = big_cpus;
    return big ? select_cpu_among(p, prev_cpu, wake_flags, (const cpumask_t*)big) : -1;
}

SEC("struct_ops/select_cpu")
s32 BPF_PROG(rl_select_cpu, struct task_struct* p, s32 prev_cpu, u64 wake_flags) {
    struct task_ctx* tc;
    bool is_idle = false;
    s32 cpu;

    if (is_self(p))
        return select_cpu_self(p, prev_cpu);
    note_caller(p);
    if (limits_in_use && must_wait_for_budget(p))
        return prev_cpu;
    cpu = select_big_cpu(p, prev_cpu, wake_flags);
    if (cpu >= 0)
        is_idle = true;
    else
        cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &is_idle);
    if (is_idle) {
        u64 slice = kernel_slice(cpu);

        count(idle);
        tc = task_ctx_of(p);
        if (tc) {
            grant(tc, slice, now_ns());
            tc->start = START_IDLE;
            wait_begins(tc, tc->deadline);
        }
        dsq_insert(p, SCX_DSQ_LOCAL, slice, 0);
    } else {
        hand_on(p, wake_flags);
    }
    return cpu;
}

/* An idle CPU for a task that did not come through ops.select_cpu. */
static __always_inline bool enqueue_on_idle_cpu(struct task_struct* p, const cpumask_t* allowed,
                                                struct task_ctx* tc, u64 enq_flags, u64 now) {
    s32 cpu = scx_bpf_task_cpu(p);

    if (p->nr_cpus_allowed == 1) {
        if (!scx_bpf_test_and_clear_cpu_idle(cpu))
            return false;
    } else {
        cpu = pick_idle_cpu(allowed, cpu);
        if (cpu < 0)
            return false;
    }
    count(idle);
    grant(tc, kernel_slice(cpu), now);
    tc->start = START_IDLE;
    dsq_insert_vtime(p, DSQ_CPU(cpu), tc->granted, now, enq_flags);
    scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
    return true;
}

/* User space has committed of late. */
static __always_inline bool is_deciding(u64 now) {
    struct rl_control* c = the_control();

    return c && !older_than(c->last_commit, now, 5 * config.lease_ns);
}

/*
 * Straight into deadline order, without user space: what it last said about the task still tells
 * whether it is urgent, and one of which it never said anything is in no hurry. The thread that
 * decides comes first. If it has used a whole slice up, it interrupts nobody, and its CPU has taken
 * the next task before it is queued here. Then it still comes before all others as long as it
 * commits, because they are overdue for its sake; one that never comes back takes its turn.
 */
static __always_inline void enqueue_unasked(struct task_struct* p, const cpumask_t* allowed,
                                            struct task_ctx* tc, u64 enq_flags, bool wakeup,
                                            bool self, u64 now) {
    struct target target;
    bool urgent = self ? wakeup || tc->used < tc->granted : wakeup && !is_batch(p);
    s64 ahead = !self ? unasked_ahead(tc) : urgent || is_deciding(now) ? SELF_KEY : tc->decided_key;
    s64 key = self && !urgent ? 0 : self || !tc->decided_key ? ahead : tc->decided_key;
    u64 dsq;

    grant(tc, slice_without_policy(), now + ahead);
    tc->key = key;
    if (!self)
        tc->start = unasked_start(ahead);
    pick_target(allowed, scx_bpf_task_cpu(p), key, urgent, now, &target);
    dsq = home_dsq(p, allowed, target.cpu);
    dsq_insert_vtime(p, dsq, slice_without_policy(), now + ahead, enq_flags);
    kick_target(&target, dsq, now);
}

static __always_inline void fill_record(struct rl_queued* rec, struct task_struct* p,
                                        struct task_ctx* tc, u64 seq, u32 class, u32 nr_waiting,
                                        bool wakeup, u64 now) {
    s32 cpu = scx_bpf_task_cpu(p);

    rec->seq = seq;
    rec->enqueued_at = now;
    rec->sum_exec = tc->sum_exec;
    rec->burst_exec = tc->burst_exec;
    rec->sleeps = tc->sleeps;
    rec->last_sleep = tc->last_sleep;
    rec->state = tc->state;
    rec->pid = p->pid;
    rec->tgid = p->tgid;
    rec->cpu = cpu;
    rec->weight = p->scx.weight;
    rec->lag = tc->lag;
    rec->stretch = (u32)fair_stretch(tc);
    rec->reserved = 0;
    rec->flags = (wakeup ? RL_QUEUED_WAKEUP : 0) | (is_restricted(p) ? RL_QUEUED_RESTRICTED : 0) |
                 (p->flags & PF_KTHREAD ? RL_QUEUED_KTHREAD : 0) |
                 (is_batch(p) ? RL_QUEUED_BATCH : 0) | (tc->called ? RL_QUEUED_CALLED : 0);
    rec->nr_cpus_allowed = p->nr_cpus_allowed;
    rec->nr_waiting = nr_waiting;
    rec->task_class = class;
    if (rec->task_class == RL_CLASS_FOREGROUND)
        count(foreground);
    else if (rec->task_class == RL_CLASS_BACKGROUND)
        count(background);
}

/*
 * A task that was interrupted with part of its slice left: the decision still stands, so it goes
 * back to its place by itself, which is before all that came later. Interrupted by our own thread,
 * it comes before all that are not urgent, so that it goes on.
 */
static __always_inline bool resume_interrupted(struct task_struct* p, const cpumask_t* allowed,
                                               struct task_ctx* tc, u64 enq_flags, u64 now) {
    struct target target = {.kick = SCX_KICK_PREEMPT};
    s32 cpu = scx_bpf_task_cpu(p);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    u64 deadline = tc->deadline;
    u64 rest = rest_of_slice(tc, tc->used), dsq;

    if (!rest)
        return false;
    count(resumed);
    target.cpu = pick_dry_cpu(allowed, tc->key, now);
    dsq = home_dsq(p, allowed, target.cpu);
    if (cc && cc->self_coming) {
        cc->interrupted = tc->key;
        if (deadline > now) {
            deadline = now;
            /* Not urgent: it stays, since moving it to another CPU costs more than the wait. */
            if (bpf_cpumask_test_cpu(cpu, allowed))
                dsq = DSQ_CPU(cpu);
        }
    }
    dsq_insert_vtime(p, dsq, rest, deadline, enq_flags);
    kick_target(&target, dsq, now);
    return true;
}

/* Farthest deadline of a task that waits in the middle of such a section: it may hold what others
 * wait for, and cannot go where a CPU is free. */
#define IN_PLACE_MAX_NS (RL_WAIT_MAX_NS / 2)

/*
 * A task that may not leave its CPU for a moment waits for that one, without user space: in the
 * order of what was last said about it. Not before all others, since a program can spend all its
 * time in such sections.
 */
static __always_inline void enqueue_in_place(struct task_struct* p, struct task_ctx* tc,
                                             u64 enq_flags, bool wakeup, u64 now) {
    s32 cpu = scx_bpf_task_cpu(p);
    u64 rest = wakeup ? 0 : rest_of_slice(tc, tc->used);
    s64 ahead;

    count(bypass_kthread);
    if (!rest) {
        rest = config.slice_busy_ns;
        ahead = tc->decided_key ? tc->decided_key : unasked_ahead(tc);
        grant(tc, rest, now + (ahead > IN_PLACE_MAX_NS ? IN_PLACE_MAX_NS : ahead));
    }
    if (is_self(p) || is_offline(cpu)) {
        dsq_insert(p, SCX_DSQ_LOCAL, rest, enq_flags);
        return;
    }
    dsq_insert_vtime(p, DSQ_CPU(cpu), rest, tc->deadline, enq_flags);
    scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/* The CPU was about to go idle, since this task was to be held back, and now is not: it stays. The
 * kernel leaves it to us to make the CPU look. */
static __always_inline void stay_last(struct task_struct* p, struct task_ctx* tc, u64 enq_flags) {
    u64 rest = rest_of_slice(tc, tc->used);

    dsq_insert(p, SCX_DSQ_LOCAL, rest ? rest : config.slice_busy_ns, enq_flags);
    scx_bpf_kick_cpu(scx_bpf_task_cpu(p), 0);
}

static __always_inline void note_unheard(u64 now) {
    if (!unheard_since)
        unheard_since = now;
}

/*
 * Hands a record over. A task that computes without sleeping is in no hurry while the CPUs have
 * other work: ops.dispatch wakes user space before they run out, so that one wake-up decides
 * several (defer).
 *
 * The ring by itself wakes a reader only if it had read everything before; so whoever comes behind
 * a record without a wake-up must force one. Hence the note of such a record comes before its place
 * in the ring, for all that get a later one; and once more behind it, in case somebody took the
 * note off in between and the reader had gone to sleep.
 */
static __always_inline void submit(struct rl_queued* rec, bool defer, u64 now) {
    if (defer) {
        bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
        note_unheard(now);
        return;
    }
    bpf_ringbuf_submit(rec, unheard_since && __sync_lock_test_and_set(&unheard_since, 0)
                                ? BPF_RB_FORCE_WAKEUP
                                : 0);
}

SEC("struct_ops/enqueue")
void BPF_PROG(rl_enqueue, struct task_struct* p, u64 enq_flags) {
    u64 wakeup = enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_WAKEUP);
    u64 selected = enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_CPU_SELECTED);
    struct task_ctx* tc = task_ctx_of(p);
    struct rl_queued* rec = NULL;
    u64 now = now_ns(), seq, past;
    struct rl_control* c = the_control();
    const cpumask_t* allowed = p->cpus_ptr;
    bool self, beside, silent, defer = false, stays;
    u32 nr_waiting = 0, class;

    read_here(allowed);
    if (!tc) {
        count(errors);
        dsq_insert(p, SCX_DSQ_LOCAL, config.slice_busy_ns, enq_flags);
        return;
    }
    word_forget(tc);
    wait_begins(tc, now);
    tc->start = START_OTHER;
    past = slice_past_user_space(p);
    stays = may_not_migrate(p, programs_on(p, enq_flags));
    if (tc->limited && !past && !stays && hold_back(p, tc, enq_flags, wakeup, now))
        return;
    if (enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_LAST)) {
        stay_last(p, tc, enq_flags);
        return;
    }
    if (!past && config.percpu_local && p->nr_cpus_allowed == 1)
        past = config.slice_busy_ns;
    if (past) {
        count(bypass_kthread);
        grant(tc, past, now);
        dsq_insert(p, SCX_DSQ_LOCAL, past, enq_flags);
        return;
    }
    if (stays) {
        enqueue_in_place(p, tc, enq_flags, wakeup, now);
        return;
    }
    if (!selected && enqueue_on_idle_cpu(p, allowed, tc, enq_flags, now))
        return;
    self = is_self(p);
    class = class_of(p, tc);
    fair_take_handed(tc);
    if (wakeup && take_handed(p, allowed, tc, enq_flags, now))
        return;
    if (wakeup)
        grant(tc, 0, now);
    else if (!self && resume_interrupted(p, allowed, tc, enq_flags, now))
        return;
    if (wakeup && decision_stands(p, tc, now)) {
        enqueue_standing(p, allowed, tc, enq_flags, now);
        return;
    }
    silent = c && c->lease_since;
    beside = is_beside_self(p);
    if (!self && !beside && !silent) {
        /* As if all caches had as many as this one: looking at each would cost too much. */
        nr_waiting =
            (u32)scx_bpf_dsq_nr_queued(DSQ_LLC(llc_of(scx_bpf_task_cpu(p)))) * config.nr_llcs;
        defer = !wakeup && config.defer && nr_waiting >= nr_online &&
                tc->burst_exec >= config.slice_ns && class != RL_CLASS_FOREGROUND;
        if (defer)
            note_unheard(now);
        rec = bpf_ringbuf_reserve(&queued_ring, sizeof(*rec), 0);
    }
    if (!rec) {
        if (beside)
            tc->request = RL_REQUEST_MIN_NS;
        if (self || beside)
            count(bypass_self);
        else if (silent)
            count(unasked);
        else
            count(congested);
        enqueue_unasked(p, allowed, tc, enq_flags, wakeup, self, now);
        return;
    }
    seq = word_begin(tc);
    tc->enqueued_at = now;
    dsq_insert(p, DSQ_PENDING, config.slice_busy_ns, enq_flags);
    fill_record(rec, p, tc, seq, class, nr_waiting, wakeup, now);
    count(queued);
    lease_arm();
    submit(rec, defer, now);
}

#endif
