// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel half of rustland. It holds every waiting task in a DSQ, tells user space about those
 * that need a decision, carries decisions out, and runs the machine by itself when none come.
 * No policy lives here: see scheduler/policy/.
 */
#include "scx_types.h"
#include "rustland_abi.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "scx_kfuncs.h"
#include "state.bpf.h"
#include "place.bpf.h"
#include "lease.bpf.h"
#include "cgroup.bpf.h"

char _license[] SEC("license") = "GPL";

/* The rest of a slice that is still worth a turn. */
#define RESUME_MIN_NS 300000ULL

/* The kernel's exit dump; its size is set before loading. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(u32));
    __uint(value_size, 65536);
} exit_dump SEC(".maps");

static __always_inline u64 kernel_slice(s32 cpu) {
    return scx_bpf_dsq_nr_queued(DSQ_LLC(llc_of(cpu))) > 0 ? config.slice_busy_ns : config.slice_ns;
}

/* Kernel threads that are bound to a CPU, and those that free memory: user space must never be
 * waited for by something that it may itself wait for. */
static __always_inline bool bypasses_user_space(const struct task_struct* p) {
    if (!(p->flags & PF_KTHREAD))
        return false;
    if (p->nr_cpus_allowed == 1)
        return true;
    /* kswapdN, kcompactdN, khugepaged */
    return !bpf_strncmp(p->comm, 6, "kswapd") || !bpf_strncmp(p->comm, 9, "kcompactd") ||
           !bpf_strncmp(p->comm, 10, "khugepaged");
}

/* Starts a grant that user space was not asked for. */
static __always_inline void grant(struct task_ctx* tc, u64 slice) {
    tc->granted = slice;
    tc->used = 0;
}

/* A CPU where a task of our class runs or nothing does: our own thread can start there at once. */
static __always_inline s32 cpu_for_self(const cpumask_t* allowed, s32 prev_cpu) {
    struct task_struct* current = (void*)bpf_get_current_task_btf();
    s32 here = bpf_get_smp_processor_id(), cpu;

    if (current->prio >= MAX_RT_PRIO && bpf_cpumask_test_cpu(here, allowed))
        return here;
    cpu = scx_bpf_pick_idle_cpu(allowed, 0);
    if (cpu >= 0)
        return cpu;
    bpf_for(cpu, 0, config.nr_cpus) {
        struct cpu_ctx* cc = cpu_ctx_of(cpu);

        if (cc && cc->pid && bpf_cpumask_test_cpu(cpu, allowed))
            return cpu;
    }
    return prev_cpu;
}

/*
 * Our own thread wakes on the CPU where the event happened that it is to answer, at once, whatever
 * of our class runs there. No other CPU has to be interrupted, and the task that it decides about
 * can follow it on the same CPU.
 */
static __always_inline s32 select_cpu_self(struct task_struct* p, s32 prev_cpu) {
    s32 cpu = cpu_for_self(p->cpus_ptr, prev_cpu);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    struct task_ctx* tc = task_ctx_of(p);

    if (cc) {
        cc->self_coming = 1;
        cc->interrupted = NO_TASK_INTERRUPTED;
    }
    if (tc)
        grant(tc, config.slice_busy_ns);
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

    if (p->tgid == config.self_tgid)
        return select_cpu_self(p, prev_cpu);
    cpu = select_big_cpu(p, prev_cpu, wake_flags);
    if (cpu >= 0)
        is_idle = true;
    else
        cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &is_idle);
    if (is_idle) {
        u64 slice = kernel_slice(cpu);

        count(idle);
        tc = task_ctx_of(p);
        if (tc)
            grant(tc, slice);
        dsq_insert(p, SCX_DSQ_LOCAL, slice, 0);
    }
    return cpu;
}

/* An idle CPU for a task that did not come through ops.select_cpu. */
static __always_inline bool enqueue_on_idle_cpu(struct task_struct* p, u64 enq_flags, u64 now) {
    s32 cpu = scx_bpf_task_cpu(p);

    if (p->nr_cpus_allowed == 1) {
        if (!scx_bpf_test_and_clear_cpu_idle(cpu))
            return false;
    } else {
        cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
        if (cpu < 0)
            return false;
    }
    count(idle);
    dsq_insert_vtime(p, DSQ_CPU(cpu), kernel_slice(cpu), now, enq_flags);
    scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
    return true;
}

/*
 * Straight into deadline order, without user space: what it last said about the task still tells
 * whether it is urgent. Our own threads come first, unless they have used a whole slice up.
 */
static __always_inline void enqueue_unasked(struct task_struct* p, struct task_ctx* tc,
                                            u64 enq_flags, bool wakeup, bool self, u64 now) {
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;
    bool urgent = wakeup || (self && tc->used < tc->granted);
    s64 key = self && urgent ? SELF_KEY : tc->decided_key;
    u64 dsq;

    tc->key = key;
    grant(tc, slice_without_policy());
    pick_target(allowed, key, urgent, now, &target);
    dsq = home_dsq(p, allowed, target.cpu);
    dsq_insert_vtime(p, dsq, slice_without_policy(), now + key, enq_flags);
    kick_target(&target, dsq, now);
}

static __always_inline void fill_record(struct rl_queued* rec, struct task_struct* p,
                                        struct task_ctx* tc, u64 seq, bool wakeup, u64 now) {
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
    rec->weight = weight_of(tc);
    rec->flags = (wakeup ? RL_QUEUED_WAKEUP : 0) | (is_restricted(p) ? RL_QUEUED_RESTRICTED : 0) |
                 (p->flags & PF_KTHREAD ? RL_QUEUED_KTHREAD : 0);
    rec->nr_cpus_allowed = p->nr_cpus_allowed;
    rec->nr_waiting = scx_bpf_dsq_nr_queued(DSQ_LLC(llc_of(cpu)));
    rec->reserved = 0;
}

/*
 * A task that was interrupted with part of its slice left: the decision still stands, so it goes
 * back by itself. Interrupted by our own thread, it comes before all that are not urgent, so that
 * it goes on; interrupted by an urgent task, it takes its place as if it were decided now.
 */
static __always_inline bool resume_interrupted(struct task_struct* p, struct task_ctx* tc,
                                               u64 enq_flags, u64 now) {
    struct cpu_ctx* cc = cpu_ctx_of(scx_bpf_task_cpu(p));
    struct target target = {.kick = SCX_KICK_PREEMPT};
    const cpumask_t* allowed = p->cpus_ptr;
    s32 cpu = scx_bpf_task_cpu(p);
    s64 offset = tc->key;
    u64 dsq;

    if (tc->granted < tc->used + RESUME_MIN_NS)
        return false;
    count(resumed);
    target.cpu = pick_dry_cpu(allowed);
    dsq = home_dsq(p, allowed, target.cpu);
    if (cc && cc->self_coming) {
        cc->interrupted = tc->key;
        if (offset > 0) {
            offset = 0;
            /* Not urgent: it stays, since moving it to another CPU costs more than the wait. */
            if (bpf_cpumask_test_cpu(cpu, allowed))
                dsq = DSQ_CPU(cpu);
        }
    }
    dsq_insert_vtime(p, dsq, tc->granted - tc->used, now + offset, enq_flags);
    kick_target(&target, dsq, now);
    return true;
}

SEC("struct_ops/enqueue")
void BPF_PROG(rl_enqueue, struct task_struct* p, u64 enq_flags) {
    u64 wakeup = enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_WAKEUP);
    u64 selected = enq_flags & bpf_core_enum_value(enum scx_enq_flags, SCX_ENQ_CPU_SELECTED);
    struct task_ctx* tc = task_ctx_of(p);
    struct rl_queued* rec;
    u64 now = now_ns(), seq;
    struct rl_control* c = the_control();
    bool self, silent;

    if (!tc) {
        count(errors);
        dsq_insert(p, SCX_DSQ_LOCAL, config.slice_busy_ns, enq_flags);
        return;
    }
    word_forget(tc);
    if (bypasses_user_space(p) || (config.percpu_local && p->nr_cpus_allowed == 1)) {
        count(bypass_kthread);
        dsq_insert(p, SCX_DSQ_LOCAL, config.slice_busy_ns, enq_flags);
        return;
    }
    if (!selected && enqueue_on_idle_cpu(p, enq_flags, now))
        return;
    self = p->tgid == config.self_tgid;
    if (wakeup)
        grant(tc, 0);
    else if (!self && resume_interrupted(p, tc, enq_flags, now))
        return;
    silent = c && c->lease_since;
    rec = self || silent ? NULL : bpf_ringbuf_reserve(&queued_ring, sizeof(*rec), 0);
    if (!rec) {
        if (self)
            count(bypass_self);
        else if (silent)
            count(unasked);
        else
            count(congested);
        enqueue_unasked(p, tc, enq_flags, wakeup, self, now);
        return;
    }
    seq = word_begin(tc);
    tc->enqueued_at = now;
    dsq_insert(p, DSQ_PENDING, config.slice_busy_ns, enq_flags);
    fill_record(rec, p, tc, seq, wakeup, now);
    count(queued);
    lease_arm();
    /* A task that used its slice up is in no hurry while the CPUs have other work: ops.dispatch
     * wakes user space before they run out, so that one wake-up decides several. */
    if (!wakeup && config.defer && rec->nr_waiting >= nr_online) {
        if (!unheard_since)
            unheard_since = now;
        bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
    } else {
        /* The ring by itself wakes a reader only if it had read everything before. */
        bpf_ringbuf_submit(rec, unheard_since ? BPF_RB_FORCE_WAKEUP : 0);
        unheard_since = 0;
    }
}

SEC("struct_ops/dispatch")
void BPF_PROG(rl_dispatch, s32 cpu, struct task_struct* prev) {
    u32 llc = llc_of(cpu);
    s32 pending = scx_bpf_dsq_nr_queued(DSQ_PENDING);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    u64 now = now_ns();
    bool prev_goes_on;

    if (pending > 0) {
        if (now - oldest_hint >= config.lease_ns)
            lease_drain(now);
        if (unheard_since && (now - unheard_since >= config.notify_ns ||
                              (u32)scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) <= nr_online / 2))
            wake_user_space();
    }
    if (fetch_overdue(cc, cpu, llc, now) || consume_own(cpu, DSQ_LLC(llc)) || steal(cpu, llc))
        return;

    prev_goes_on = prev && (prev->scx.flags & SCX_TASK_QUEUED);
    if (!cc || (prev_goes_on && pending <= 0))
        return;
    /* Say so before looking once more: a commit moves its task before it looks for dry CPUs. */
    dry_set(cc);
    if (scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) > 0 || scx_bpf_dsq_nr_queued(DSQ_CPU(cpu)) > 0) {
        if (consume_own(cpu, DSQ_LLC(llc)))
            dry_clear(cc);
    }
}

SEC("struct_ops/running")
void BPF_PROG(rl_running, struct task_struct* p) {
    s32 cpu = bpf_get_smp_processor_id();
    struct task_ctx* tc = task_ctx_of(p);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    if (!tc || !cc)
        return;
    dry_clear(cc);
    word_forget(tc);
    tc->started_at = now_ns();
    cc->preempted_at = 0;
    cc->self_coming = 0;
    cc->self_running = p->tgid == config.self_tgid;
    if (cc->self_running)
        return;
    cc->started_at = tc->started_at;
    cc->key = tc->key;
    cc->pid = p->pid;
}

SEC("struct_ops/stopping")
void BPF_PROG(rl_stopping, struct task_struct* p, bool runnable) {
    struct task_ctx* tc = task_ctx_of(p);
    struct cpu_ctx* cc = cpu_ctx_of(scx_bpf_task_cpu(p));
    u64 now, ran;

    if (cc) {
        cc->pid = 0;
        cc->self_running = 0;
    }
    if (!tc)
        return;
    now = now_ns();
    ran = now - tc->started_at;
    tc->started_at = now;
    tc->sum_exec += ran;
    tc->burst_exec += ran;
    tc->key += ran;
    tc->used += ran;
}

SEC("struct_ops/quiescent")
void BPF_PROG(rl_quiescent, struct task_struct* p, u64 deq_flags) {
    struct task_ctx* tc = task_ctx_of(p);

    if (!tc)
        return;
    word_forget(tc);
    if (!(deq_flags & bpf_core_enum_value(enum scx_deq_flags, SCX_DEQ_SLEEP)))
        return;
    tc->sleeps++;
    tc->burst_exec = 0;
    tc->slept_at = now_ns();
}

SEC("struct_ops/set_weight")
void BPF_PROG(rl_set_weight, struct task_struct* p, u32 weight) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        tc->nice_weight = weight;
        tc->weight_generation = 0;
    }
}

SEC("struct_ops/cpu_release")
void BPF_PROG(rl_cpu_release, s32 cpu, struct scx_cpu_release_args* args) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    struct task_struct* taker = args->task;

    if (cc)
        cc->pid = 0;
    /* Our own real-time thread gives the CPU back in no time: what it interrupted stays. */
    if (taker && taker->tgid == config.self_tgid)
        return;
    count(reenqueued);
    reenqueue_local();
}

SEC("struct_ops.s/init_task")
s32 BPF_PROG(rl_init_task, struct task_struct* p, struct scx_init_task_args* args) {
    struct task_ctx* tc = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (!tc)
        return -12; /* ENOMEM */
    tc->nice_weight = 100;
    /* Sequence numbers of a task that gets the PID of a dead one must not repeat that one's. */
    tc->word = now_ns() << 2 | WORD_IDLE;
    if (bpf_core_field_exists(args->cgroup) && args->cgroup)
        tc->cgroup_id = args->cgroup->kn->id;
    return 0;
}

SEC("struct_ops/disable")
void BPF_PROG(rl_disable, struct task_struct* p) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc)
        word_forget(tc);
}

SEC("struct_ops.s/cgroup_init")
s32 BPF_PROG(rl_cgroup_init, struct cgroup* cgrp, struct scx_cgroup_init_args* args) {
    cgroup_store(cgrp, args->weight);
    return 0;
}

SEC("struct_ops.s/cgroup_exit")
void BPF_PROG(rl_cgroup_exit, struct cgroup* cgrp) {
    u64 id = cgrp->kn->id;

    bpf_map_delete_elem(&cgroups, &id);
}

SEC("struct_ops/cgroup_move")
void BPF_PROG(rl_cgroup_move, struct task_struct* p, struct cgroup* from, struct cgroup* to) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        tc->cgroup_id = to->kn->id;
        tc->weight_generation = 0;
    }
}

SEC("struct_ops/cgroup_set_weight")
void BPF_PROG(rl_cgroup_set_weight, struct cgroup* cgrp, u32 weight) {
    u64 id = cgrp->kn->id;
    struct cgroup_node* node = bpf_map_lookup_elem(&cgroups, &id);

    if (node) {
        node->weight = weight;
        __sync_fetch_and_add(&weight_generation, 1);
    }
}

SEC("struct_ops/cgroup_set_bandwidth")
void BPF_PROG(rl_cgroup_set_bandwidth, struct cgroup* cgrp, u64 period_us, u64 quota_us,
              u64 burst_us) {
    struct rl_control* c = the_control();

    if (c && quota_us != ~0ULL)
        __sync_fetch_and_add(&c->cpu_max_set, 1);
}

/* Present so that the scheduler stays attached when CPUs come and go. */
SEC("struct_ops/cpu_online")
void BPF_PROG(rl_cpu_online, s32 cpu) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    __sync_fetch_and_add(&nr_online, 1);
    if (cc)
        cc->offline = 0;
    /* Tasks that may run only here may have come before it. */
    scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

SEC("struct_ops/cpu_offline")
void BPF_PROG(rl_cpu_offline, s32 cpu) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    __sync_fetch_and_add(&nr_online, -1);
    if (cc) {
        cc->offline = 1;
        dry_clear(cc);
    }
}

static int big_cpus_init(void) {
    struct bpf_cpumask* mask;
    s32 i;

    if (!config.heterogeneous)
        return 0;
    mask = bpf_cpumask_create();
    if (!mask)
        return -12; /* ENOMEM */
    bpf_for(i, 0, config.nr_cpus) {
        if (i >= 0 && i < RL_MAX_CPUS && config.big_cpu[i])
            bpf_cpumask_set_cpu(i, mask);
    }
    mask = bpf_kptr_xchg(&big_cpus, mask);
    if (mask)
        bpf_cpumask_release(mask);
    return 0;
}

SEC("struct_ops.s/init")
s32 BPF_PROG(rl_init) {
    s32 err, i;

    nr_online = config.nr_online;
    err = scx_bpf_create_dsq(DSQ_PENDING, -1);
    if (err)
        return err;
    bpf_for(i, 0, config.nr_llcs) {
        err = scx_bpf_create_dsq(DSQ_LLC(i), -1);
        if (err)
            return err;
    }
    bpf_for(i, 0, config.nr_cpus) {
        err = scx_bpf_create_dsq(DSQ_CPU(i), -1);
        if (err)
            return err;
    }
    err = big_cpus_init();
    return err ? err : lease_init();
}

SEC("struct_ops.s/exit")
void BPF_PROG(rl_exit, struct scx_exit_info* info) {
    struct rl_control* c = the_control();
    u32 key = 0, *news;
    char* dump = bpf_map_lookup_elem(&exit_dump, &key);

    if (!c)
        return;
    bpf_probe_read_kernel_str(c->exit_reason, sizeof(c->exit_reason), info->reason);
    bpf_probe_read_kernel_str(c->exit_msg, sizeof(c->exit_msg), info->msg);
    if (dump)
        bpf_probe_read_kernel_str(dump, config.dump_len, info->dump);
    c->exit_code = info->exit_code;
    c->exit_kind = info->kind;
    c->exit_seen = 1;
    news = bpf_ringbuf_reserve(&news_ring, sizeof(*news), 0);
    if (news) {
        *news = 1;
        bpf_ringbuf_submit(news, BPF_RB_FORCE_WAKEUP);
    }
}

/* Carries out one row of the decision table. */
static __always_inline u32 commit_one(struct bpf_iter_scx_dsq* it, struct task_struct* p,
                                      struct rl_decision* d, u64 now) {
    struct task_ctx* tc = task_ctx_of(p);
    const cpumask_t* allowed = p->cpus_ptr;
    struct target target;
    u64 dsq;

    if (!tc || !word_claim(tc, d->seq)) {
        count(stale);
        return RL_RESULT_STALE;
    }
    pick_target(allowed, d->key, d->flags & RL_DECISION_PREEMPT, now, &target);
    tc->state = d->state;
    tc->key = d->key;
    tc->decided_key = d->key;
    grant(tc, d->slice);
    dsq = home_dsq(p, allowed, target.cpu >= 0 ? target.cpu : d->cpu);
    if (move_pending(it, p, dsq, d->deadline, d->slice)) {
        count(decided);
        kick_target(&target, dsq, now);
        return RL_RESULT_MOVED;
    }
    word_unclaim(tc, d->seq);
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

SEC(".struct_ops.link")
struct sched_ext_ops rustland_ops = {
    .select_cpu = (void*)rl_select_cpu,
    .enqueue = (void*)rl_enqueue,
    .dispatch = (void*)rl_dispatch,
    .running = (void*)rl_running,
    .stopping = (void*)rl_stopping,
    .quiescent = (void*)rl_quiescent,
    .set_weight = (void*)rl_set_weight,
    .cpu_release = (void*)rl_cpu_release,
    .init_task = (void*)rl_init_task,
    .disable = (void*)rl_disable,
    .cgroup_init = (void*)rl_cgroup_init,
    .cgroup_exit = (void*)rl_cgroup_exit,
    .cgroup_move = (void*)rl_cgroup_move,
    .cgroup_set_weight = (void*)rl_cgroup_set_weight,
    .cgroup_set_bandwidth = (void*)rl_cgroup_set_bandwidth,
    .cpu_online = (void*)rl_cpu_online,
    .cpu_offline = (void*)rl_cpu_offline,
    .init = (void*)rl_init,
    .exit = (void*)rl_exit,
    .name = "rustland",
};
