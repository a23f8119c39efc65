/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a decided task waits, and which CPU is told.
 *
 * The affinity mask is read from the task once and handed on: the verifier searches the kernel's
 * types for each such read, which made loading take seconds.
 *
 * A task that may run everywhere waits in the deadline-ordered DSQ of a last-level cache, which all
 * CPUs of that cache consume. One with a narrower affinity waits in the DSQ of one CPU, so that
 * no CPU ever walks over a long row of tasks that it may not run. Tasks are never moved straight
 * to another CPU's local DSQ: if its affinity changed meanwhile, that would be an error that
 * ejects the scheduler, whereas consuming a user DSQ merely skips it.
 */
#ifndef RUSTLAND_PLACE_BPF_H
#define RUSTLAND_PLACE_BPF_H

#include "fair_math.h"
#include "state.bpf.h"

/* Key of our own threads: more urgent than any task. */
#define SELF_KEY (-1000000000LL)

/* Keys that differ by more are of different kinds: an urgent task and one that computes, or a
 * foreground task and any other. */
#define FAR_NS 100000000LL

/* How long a CPU counts as taken by the urgent task that was sent to it. */
#define PREEMPT_SETTLE_NS 2000000ULL

static __always_inline bool is_restricted(const struct task_struct* p) {
    return (u32)p->nr_cpus_allowed < nr_online;
}

/* It interrupts nobody. */
static __always_inline bool is_batch(const struct task_struct* p) {
    return p->policy == SCHED_BATCH || p->policy == SCHED_IDLE;
}

/* How many BPF programs run on top of p, if it is the current task: this one, and the one that has
 * a CPU's tasks enqueued anew. */
static __always_inline u32 programs_on(const struct task_struct* p, u64 enq_flags) {
    u64 again = enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_REENQ);

    return p == (void*)bpf_get_current_task_btf() ? again ? 2 : 1 : 0;
}

/* Whether p is in a section in which it may not change its CPU, and has to wait for this one. The
 * kernel counts one such section for each BPF program that runs on top of the current task. */
static __always_inline bool may_not_migrate(const struct task_struct* p, u32 programs) {
    return bpf_core_field_exists(p->migration_disabled) && p->migration_disabled > programs;
}

/*
 * An allowed CPU whose last dispatch found nothing, or -1; takes the mark off. It may run on with
 * what it had: not one whose task is of a more urgent kind than this key.
 */
VERIFIED_ALONE s32 pick_dry_cpu(const struct cpumask* allowed __arg_trusted, s64 key, u64 now) {
    s32 cpu;

    if (nr_dry <= 0)
        return -1;
    bpf_for(cpu, 0, config.nr_cpus) {
        struct cpu_ctx* cc = cpu_ctx_of(cpu);

        if (!cc || !cc->dry || (cc->pid && cc->key + (s64)(now - cc->started_at) + FAR_NS < key))
            continue;
        if (bpf_cpumask_test_cpu(cpu, allowed) && dry_clear(cc)) {
            count(kick_dry);
            return cpu;
        }
    }
    return -1;
}

/* Whether what runs on that CPU can be interrupted by a task with this key, and its own key, grown
 * by how long it has run. */
static __always_inline bool key_there(const cpumask_t* allowed, s32 cpu, s64 key, u64 now,
                                      s64* its) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    if (!cc || !cc->pid ||
        (key != SELF_KEY && !older_than(cc->preempted_at, now, PREEMPT_SETTLE_NS)))
        return false;
    *its = cc->key + (s64)(now - cc->started_at);
    return bpf_cpumask_test_cpu(cpu, allowed);
}

/*
 * The CPU that an urgent task should take: of those it may use, the one whose task has the largest
 * key (grown by how long it has run), if that is worse than the urgent task's by the margin. A CPU
 * that another urgent task has just been sent to is left alone. The CPU `near`, where it was last
 * and where the event that woke it may have happened, is as good if what runs there is of a less
 * urgent kind: nobody has to be told elsewhere, and the caches are warm.
 */
VERIFIED_ALONE s32 pick_victim(const struct cpumask* allowed __arg_trusted, s32 near, s64 key,
                               u64 now) {
    s64 worst = key + (s64)config.preempt_margin_ns, its;
    s32 victim = -1, cpu;

    if (key_there(allowed, near, key, now, &its) && its > key + FAR_NS)
        return near;
    bpf_for(cpu, 0, config.nr_cpus) {
        if (key_there(allowed, cpu, key, now, &its) && its > worst) {
            worst = its;
            victim = cpu;
        }
    }
    return victim;
}

/* Who may take a task that a CPU is told of. */
enum taker {
    ANY_CPU = 0,
    THAT_CPU = 1,       /* that CPU alone */
    THAT_CPU_FIRST = 2, /* … and before all others that wait there */
};

struct target {
    s32 cpu;   /* to be told, -1: none */
    u64 kick;  /* 0: it will look by itself */
    u32 taker; /* enum taker */
};

/*
 * The CPU that we are on, if it is our own thread that runs here: it is about to sleep, and this
 * CPU looks for the next task then, which is sooner than any other CPU could be made to. One task
 * may claim it, unless what our thread interrupted is about as urgent.
 */
static __always_inline s32 claim_this_cpu(const cpumask_t* allowed, s64 key) {
    s32 cpu = bpf_get_smp_processor_id();
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    if (!cc || !cc->self_running || !bpf_cpumask_test_cpu(cpu, allowed))
        return -1;
    if (cc->interrupted != NO_TASK_INTERRUPTED &&
        cc->interrupted <= key + (s64)config.preempt_margin_ns)
        return -1;
    cc->interrupted = key;
    return cpu;
}

/*
 * Another CPU for an urgent task, if our own thread has interrupted something here that is about as
 * urgent, and something far less so runs there. That CPU alone may take it then: the one here would
 * otherwise be the first to look, and leave what it was doing.
 */
static __always_inline s32 pick_other_victim(const cpumask_t* allowed, s32 near, s64 key, u64 now) {
    struct cpu_ctx* cc = cpu_ctx_of(bpf_get_smp_processor_id());

    if (!cc || !cc->self_running || cc->interrupted == NO_TASK_INTERRUPTED)
        return -1;
    return pick_victim(allowed, near, (cc->interrupted > key ? cc->interrupted : key) + FAR_NS,
                       now);
}

/* A target as one number, which is all that a function checked by itself can return. */
static __always_inline u64 pack_target(s32 cpu, u64 kick, u64 taker) {
    return (u32)cpu | kick << 32 | taker << 40;
}

static __always_inline void unpack_target(u64 packed, struct target* target) {
    target->cpu = (s32)(u32)packed;
    target->kick = packed >> 32 & 0xff;
    target->taker = packed >> 40;
}

/* Which CPU should hear about a task: an idle one, this one if it is about to be free, one that has
 * run dry, or one worth interrupting. */
VERIFIED_ALONE u64 choose_target(const struct cpumask* allowed __arg_trusted, s32 near, s64 key,
                                 u32 preempt, u64 now) {
    s32 cpu = pick_idle_cpu(allowed, near);

    if (cpu >= 0)
        return pack_target(cpu, SCX_KICK_IDLE, ANY_CPU);
    if (preempt) {
        cpu = pick_other_victim(allowed, near, key, now);
        if (cpu >= 0)
            return pack_target(cpu, SCX_KICK_PREEMPT, THAT_CPU);
    }
    cpu = claim_this_cpu(allowed, key);
    if (cpu >= 0)
        return pack_target(cpu, 0, ANY_CPU);
    cpu = pick_dry_cpu(allowed, key, now);
    if (cpu >= 0 || !preempt)
        return pack_target(cpu, SCX_KICK_PREEMPT, ANY_CPU);
    cpu = pick_victim(allowed, near, key, now);
    return pack_target(cpu, SCX_KICK_PREEMPT, cpu >= 0 ? THAT_CPU_FIRST : ANY_CPU);
}

/* Where a task with this target and this deadline is queued. */
static __always_inline u64 place_in_queue(u64 packed_target, u64 deadline) {
    return packed_target >> 40 == THAT_CPU_FIRST && deadline > RL_OWN_AHEAD_NS
               ? deadline - RL_OWN_AHEAD_NS
               : deadline;
}

static __always_inline void pick_target(const cpumask_t* allowed, s32 near, s64 key, bool preempt,
                                        u64 now, struct target* target) {
    unpack_target(choose_target(allowed, near, key, preempt, now), target);
}

/* The same for a task that has been decided about. */
static __always_inline void pick_target_of(const struct task_ctx* tc, const cpumask_t* allowed,
                                           s32 near, bool preempt, u64 now, struct target* target) {
    pick_target(allowed, near, tc->decided_key, preempt, now, target);
    if (target->taker == THAT_CPU_FIRST &&
        !rl_may_come_first(tc->request, tc->lag, tc->request_cap))
        target->taker = ANY_CPU;
    else if (target->taker == THAT_CPU && rl_may_come_first(tc->request, tc->lag, tc->request_cap))
        target->taker = THAT_CPU_FIRST;
}

/*
 * Tells the target about a task that now waits in `dsq`. Without a target the task's only CPU gets
 * a kick that the kernel drops unless that CPU is idle: it may have become so since it was looked
 * at, or have come online, and nobody else would look into its queue.
 */
static __always_inline void kick_target(const struct target* target, u64 dsq, u64 now) {
    struct cpu_ctx* cc;

    if (target->cpu < 0 && dsq >= DSQ_CPU(0) && dsq != DSQ_CPU(bpf_get_smp_processor_id()))
        scx_bpf_kick_cpu(dsq - DSQ_CPU(0), SCX_KICK_IDLE);
    if (target->cpu < 0 || !target->kick)
        return;
    if (target->kick == SCX_KICK_IDLE) {
        count(kick_idle);
    } else {
        count(kick_preempt);
        cc = cpu_ctx_of(target->cpu);
        if (cc)
            cc->preempted_at = now;
    }
    scx_bpf_kick_cpu(target->cpu, target->kick);
}

/* The DSQ in which p waits for a CPU, given the CPU that will be told (or -1). */
static __always_inline u64 home_dsq(struct task_struct* p, const cpumask_t* allowed,
                                    s32 target_cpu) {
    struct cpu_ctx* cc;
    s32 cpu = target_cpu;

    if (cpu < 0 || (u32)cpu >= config.nr_cpus)
        cpu = scx_bpf_task_cpu(p);
    if (!is_restricted(p))
        return DSQ_LLC(llc_of(cpu));
    if (!bpf_cpumask_test_cpu(cpu, allowed))
        cpu = bpf_cpumask_first(allowed);
    cc = cpu_ctx_of(cpu);
    return cc && !cc->offline ? DSQ_CPU(cpu) : DSQ_LLC(0);
}

/*
 * The kernel takes a CPU offline once no task counts as its own any more, and looks at that only
 * when the CPU switches tasks. If its last waiting task is taken by another CPU while it is idle,
 * it would wait for good: so it is made to look whenever any task starts.
 */
static __always_inline void let_leaving_cpu_look(void) {
    s32 cpu = leaving_cpu;
    const cpumask_t* online;

    if (cpu < 0)
        return;
    online = scx_bpf_get_online_cpumask();
    if (bpf_cpumask_test_cpu(cpu, online))
        scx_bpf_kick_cpu(cpu, 0);
    else
        leaving_cpu = -1;
    scx_bpf_put_cpumask(online);
}

/* Tasks that one call looks at: more cannot wait for a single CPU without being moved. */
#define EVACUATE_MAX 65536

/*
 * A CPU that goes offline does not call ops.dispatch any more, and the kernel waits until it has no
 * tasks left. It still looks into the global DSQ by itself: tasks that belong to it go there, and
 * the kernel then finds another CPU for them.
 */
VERIFIED_ALONE int evacuate(u64 dsq, s32 cpu) {
    struct bpf_iter_scx_dsq it;
    bool moved = false;
    int i;

    bpf_rcu_read_lock();
    if (!bpf_iter_scx_dsq_new(&it, dsq, 0)) {
        bpf_for(i, 0, EVACUATE_MAX) {
            struct task_struct *listed = bpf_iter_scx_dsq_next(&it), *p;

            if (!listed)
                break;
            /* The iterator's pointer is not trusted by the verifier: look the task up again. */
            p = scx_bpf_task_cpu(listed) == cpu ? bpf_task_from_pid(listed->pid) : NULL;
            if (!p)
                continue;
            moved |= scx_bpf_dsq_move(&it, p, SCX_DSQ_GLOBAL, 0);
            bpf_task_release(p);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    bpf_rcu_read_unlock();
    if (moved)
        scx_bpf_kick_cpu(cpu, 0);
    return 0;
}

/*
 * Where a pending task is to be moved: to its home, or where the target alone takes it. What waits
 * for a CPU that is offline goes to the global DSQ, from where the kernel finds it another.
 */
static __always_inline u64 destination(struct task_struct* p, const cpumask_t* allowed,
                                       const struct target* target, s32 near) {
    if (is_offline(scx_bpf_task_cpu(p)))
        return SCX_DSQ_GLOBAL;
    if (target->taker)
        return DSQ_CPU(target->cpu);
    return home_dsq(p, allowed, target->cpu >= 0 ? target->cpu : near);
}

/*
 * Moves a pending task there. False if it is no longer pending. This alone is done inside the loops
 * over the pending DSQ, because it needs their iterator: what comes before and after is in
 * functions that the verifier checks by themselves, and not for each state of a loop.
 */
static __always_inline bool move_pending(struct bpf_iter_scx_dsq* it, struct task_struct* p,
                                         u64 dsq, u64 deadline, u64 slice) {
    scx_bpf_dsq_move_set_slice(it, slice);
    if (dsq == SCX_DSQ_GLOBAL)
        return scx_bpf_dsq_move(it, p, SCX_DSQ_GLOBAL, 0);
    scx_bpf_dsq_move_set_vtime(it, deadline);
    return scx_bpf_dsq_move_vtime(it, p, dsq, 0);
}

/* What a move calls for where a CPU is offline, or has gone offline between the look and the move.
 */
static __always_inline void after_move(struct task_struct* p, u64 dsq) {
    s32 cpu = scx_bpf_task_cpu(p);

    if (dsq == SCX_DSQ_GLOBAL)
        scx_bpf_kick_cpu(cpu, 0);
    else if (is_offline(cpu))
        evacuate(dsq, cpu);
}

/* A CPU hears about a task that has been moved: the one that was chosen before. */
static __always_inline void tell_target(struct task_struct* p, const struct task_ctx* tc, u64 dsq,
                                        u64 now) {
    struct target target;

    after_move(p, dsq);
    unpack_target(tc->target, &target);
    kick_target(&target, dsq, now);
}

#endif
