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
#include "queues.bpf.h"
#include "lease.bpf.h"
#include "cgroup.bpf.h"
#include "class.bpf.h"
#include "fair.bpf.h"
#include "held.bpf.h"
#include "speed.bpf.h"
#include "enqueue.bpf.h"
#include "go_on.bpf.h"
#include "commit.bpf.h"

char _license[] SEC("license") = "GPL";

/* The kernel's exit dump; its size is set before loading. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(u32));
    __uint(value_size, 65536);
} exit_dump SEC(".maps");

SEC("struct_ops/dispatch")
void BPF_PROG(rl_dispatch, s32 cpu, struct task_struct* prev) {
    u32 llc = llc_of(cpu);
    s32 pending = scx_bpf_dsq_nr_queued(DSQ_PENDING);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    u64 now = now_ns();
    bool prev_goes_on =
        prev && (prev->scx.flags & SCX_TASK_QUEUED) && !(limits_in_use && must_stop(prev, now));

    if (!cc)
        return;
    if (pending > 0) {
        if (older_than(oldest_hint, now, config.lease_ns - 1))
            lease_drain(now);
        if (unheard_since && (older_than(unheard_since, now, config.notify_ns) ||
                              (u32)scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) <= nr_online / 2))
            wake_user_space();
    }
    if (consume_own_overdue(cc, cpu, now))
        return;
    if (may_look_elsewhere(cc, now) &&
        fetch_earlier(cc, cpu, llc, prev && prev_goes_on ? due_if_it_goes_on(prev, now) : ~0ULL))
        return;
    if (prev && prev_goes_on && first_again(prev, cc, cpu, llc, now))
        return;
    if (fetch_overdue(cc, cpu, llc, now) || consume_own(cpu, DSQ_LLC(llc)) || steal(cpu, llc))
        return;

    if (!prev_goes_on || pending > 0) {
        /* Say so before looking once more: a commit moves its task before it looks for dry CPUs. */
        dry_set(cc);
        if ((scx_bpf_dsq_nr_queued(DSQ_LLC(llc)) > 0 || scx_bpf_dsq_nr_queued(DSQ_CPU(cpu)) > 0) &&
            consume_own(cpu, DSQ_LLC(llc))) {
            dry_clear(cc);
            return;
        }
    }
    if (prev && prev_goes_on)
        go_on(prev, cc, cpu, pending <= 0, now);
}

SEC("struct_ops/running")
void BPF_PROG(rl_running, struct task_struct* p) {
    s32 cpu = scx_bpf_task_cpu(p); /* not always this one: attaching starts tasks for all CPUs */
    struct task_ctx* tc = task_ctx_of(p);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    u32 class;

    if (!tc || !cc)
        return;
    /* A task that always finds an idle CPU has nobody else to look its class up. */
    class = class_of(p, tc);
    dry_clear(cc);
    let_leaving_cpu_look();
    word_forget(tc);
    tc->started_at = now_ns();
    if (!is_self(p)) {
        if (!tc->active_weight && tc->own_weight)
            fair_active_again(p, tc, class);
        fair_running(p, tc, tc->started_at);
        if (tc->limited)
            limit_running(p, tc, cc, cpu, tc->started_at);
    }
    cc->preempted_at = 0;
    cc->self_coming = 0;
    speed_running(cc, cpu, class, tc->started_at);
    cc->self_running = is_self(p);
    if (cc->self_running)
        return;
    wait_ends(tc, class, cpu, tc->started_at);
    cc->started_at = tc->started_at;
    cc->key = tc->key;
    cc->pid = p->pid;
}

SEC("struct_ops/stopping")
void BPF_PROG(rl_stopping, struct task_struct* p, bool runnable) {
    struct task_ctx* tc = task_ctx_of(p);
    s32 cpu = scx_bpf_task_cpu(p);
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    u64 now = now_ns();

    if (cc) {
        cc->pid = 0;
        cc->self_running = 0;
        cc->limited = 0;
        cc->cut_at = 0;
        speed_account(cc, cpu, now, false);
    }
    if (!tc)
        return;
    account(p, tc, now);
}

SEC("struct_ops/runnable")
void BPF_PROG(rl_runnable, struct task_struct* p, u64 enq_flags) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc && !is_self(p))
        fair_runnable(p, tc, class_of(p, tc), now_ns());
}

/* A task can keep the CPU for many slices without ever being stopped. */
SEC("struct_ops/tick")
void BPF_PROG(rl_tick, struct task_struct* p) {
    s32 cpu = scx_bpf_task_cpu(p); /* with nohz_full another CPU does this for it */
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    struct task_ctx* tc = task_ctx_of(p);
    u64 now = now_ns();

    if (!cc)
        return;
    if (cc->limited)
        limit_tick(p, now);
    speed_account(cc, cpu, now, true);
    if (tc)
        group_refresh(p, tc, now);
}

SEC("struct_ops/quiescent")
void BPF_PROG(rl_quiescent, struct task_struct* p, u64 deq_flags) {
    struct task_ctx* tc = task_ctx_of(p);

    if (!tc)
        return;
    word_forget(tc);
    held_forget(tc);
    fair_quiescent(tc);
    if (!(deq_flags & bpf_core_enum_value(enum scx_deq_flags, SCX_DEQ_SLEEP)))
        return;
    if (p->flags & PF_EXITING)
        fair_bequeath(p, tc);
    standing_after_burst(tc);
    tc->asleep = 1;
    tc->called = 0;
    tc->sleeps++;
    tc->burst_exec = 0;
    tc->slept_at = now_ns();
}

SEC("struct_ops/cpu_release")
void BPF_PROG(rl_cpu_release, s32 cpu, struct scx_cpu_release_args* args) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    struct task_struct* taker = READ_ONLY(args)->task;

    if (cc)
        cc->pid = 0;
    /* Our own real-time thread gives the CPU back in no time: what it interrupted stays. */
    if (taker && is_self(taker))
        return;
    count(reenqueued);
    reenqueue_local();
}

SEC("struct_ops.s/init_task")
s32 BPF_PROG(rl_init_task, struct task_struct* p, struct scx_init_task_args* args) {
    struct task_ctx* tc = bpf_task_storage_get(&tasks, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (!tc)
        return -12; /* ENOMEM */
    /* Sequence numbers of a task that gets the PID of a dead one must not repeat that one's. */
    tc->word = now_ns() << 2 | WORD_IDLE;
    tc->request_cap = RL_REQUEST_MAX_NS;
    if (bpf_core_field_exists(args->cgroup)) {
        struct cgroup* cgrp = READ_ONLY(args)->cgroup;

        if (cgrp)
            tc->cgroup_id = cgrp->kn->id;
    }
    if (args->fork) {
        class_inherit(tc);
        fair_inherit(tc);
    }
    return 0;
}

SEC("struct_ops/enable")
void BPF_PROG(rl_enable, struct task_struct* p) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc)
        fair_enter(p, tc);
}

SEC("struct_ops/disable")
void BPF_PROG(rl_disable, struct task_struct* p) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        word_forget(tc);
        held_forget(tc);
        fair_quiescent(tc);
        group_gone(tc);
        tc->waits_since = 0;
    }
}

/* Present so that the scheduler stays attached when CPUs come and go. */
SEC("struct_ops/cpu_online")
void BPF_PROG(rl_cpu_online, s32 cpu) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    __sync_fetch_and_add(&nr_online, 1);
    leaving_cpu = -1;
    if (cc)
        cc->offline = 0;
    /* Tasks that may run only here may have come before it. */
    scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

SEC("struct_ops/cpu_offline")
void BPF_PROG(rl_cpu_offline, s32 cpu) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);
    s32 i;

    __sync_fetch_and_add(&nr_online, -1);
    if (!cc)
        return;
    __sync_lock_test_and_set(&cc->offline, 1); /* before the look, as move_pending needs it */
    leaving_cpu = cpu;
    dry_clear(cc);
    evacuate(DSQ_CPU(cpu), cpu);
    bpf_for(i, 0, config.nr_llcs) evacuate(DSQ_LLC(i), cpu);
    evacuate(DSQ_HELD, cpu);
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
    struct rl_control* c = the_control();
    s32 err, i;

    nr_online = config.nr_online;
    if (c)
        c->limits_enforced = limits_readable();
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
    if (!err)
        err = held_init();
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

SEC(".struct_ops.link")
struct sched_ext_ops rustland_ops = {
    .select_cpu = (void*)rl_select_cpu,
    .enqueue = (void*)rl_enqueue,
    .dispatch = (void*)rl_dispatch,
    .running = (void*)rl_running,
    .stopping = (void*)rl_stopping,
    .tick = (void*)rl_tick,
    .runnable = (void*)rl_runnable,
    .quiescent = (void*)rl_quiescent,
    .cpu_release = (void*)rl_cpu_release,
    .init_task = (void*)rl_init_task,
    .exit_task = (void*)rl_exit_task,
    .enable = (void*)rl_enable,
    .disable = (void*)rl_disable,
    .cgroup_init = (void*)rl_cgroup_init,
    .cgroup_exit = (void*)rl_cgroup_exit,
    .cgroup_move = (void*)rl_cgroup_move,
    .cgroup_set_bandwidth = (void*)rl_cgroup_set_bandwidth,
    .cpu_online = (void*)rl_cpu_online,
    .cpu_offline = (void*)rl_cpu_offline,
    .init = (void*)rl_init,
    .exit = (void*)rl_exit,
    .name = "rustland",
};
