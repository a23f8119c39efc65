/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel functions that the BPF program calls, with their arguments; kfunc_list.h has their
 * names. Those whose name or arguments differ between kernels are there under each form and
 * wrapped, so that one object loads everywhere: the loader says before the program is verified
 * which of them this kernel has, and the verifier removes the branch not taken. The older form
 * comes first where a kernel has both, because that is the one that has been tested on it.
 */
#ifndef RUSTLAND_SCX_KFUNCS_H
#define RUSTLAND_SCX_KFUNCS_H

#include "kfunc_list.h"

#include <bpf/bpf_helpers.h>

const volatile struct rl_config config SEC(".rodata.config");

#define KFUNC(ret, name, ...)                                                                      \
    static ret (*const name)(__VA_ARGS__) __attribute__((unused)) =                                \
        (void*)(RL_KFUNC_FIRST + KF_##name)
#define has_kfunc(name) (config.kfuncs & 1ULL << KF_##name)

KFUNC(s32, scx_bpf_create_dsq, u64 dsq_id, s32 node);
KFUNC(s32, scx_bpf_dsq_nr_queued, u64 dsq_id);
KFUNC(s32, scx_bpf_task_cpu, const struct task_struct* p);
KFUNC(s32, scx_bpf_select_cpu_dfl, struct task_struct* p, s32 prev_cpu, u64 wake_flags,
      bool* is_idle);
KFUNC(s32, scx_bpf_pick_idle_cpu, const struct cpumask* cpus_allowed, u64 flags);
KFUNC(s32, scx_bpf_pick_idle_cpu_node, const struct cpumask* cpus_allowed, int node, u64 flags);
KFUNC(int, scx_bpf_cpu_node, s32 cpu);
KFUNC(bool, scx_bpf_test_and_clear_cpu_idle, s32 cpu);
KFUNC(void, scx_bpf_kick_cpu, s32 cpu, u64 flags);
KFUNC(void, scx_bpf_cpuperf_set, s32 cpu, u32 perf);
KFUNC(const struct cpumask*, scx_bpf_get_online_cpumask, void);
KFUNC(void, scx_bpf_put_cpumask, const struct cpumask* cpumask);
KFUNC(void, scx_bpf_exit_bstr, s64 exit_code, char* fmt, unsigned long long* data, u32 data__sz);

/* 6.19 made the insertion tell whether it succeeded; the old name stays for a while. */
KFUNC(void, scx_bpf_dsq_insert, struct task_struct* p, u64 dsq_id, u64 slice, u64 enq_flags);
KFUNC(bool, scx_bpf_dsq_insert___v2, struct task_struct* p, u64 dsq_id, u64 slice, u64 enq_flags);
KFUNC(void, scx_bpf_dsq_insert_vtime, struct task_struct* p, u64 dsq_id, u64 slice, u64 vtime,
      u64 enq_flags);
KFUNC(bool, __scx_bpf_dsq_insert_vtime, struct task_struct* p,
      struct scx_bpf_dsq_insert_vtime_args* args);
/* 7.1 added flags. */
KFUNC(bool, scx_bpf_dsq_move_to_local, u64 dsq_id);
KFUNC(bool, scx_bpf_dsq_move_to_local___v2, u64 dsq_id, u64 enq_flags);

KFUNC(bool, scx_bpf_dsq_move, struct bpf_iter_scx_dsq* it__iter, struct task_struct* p, u64 dsq_id,
      u64 enq_flags);
KFUNC(bool, scx_bpf_dsq_move_vtime, struct bpf_iter_scx_dsq* it__iter, struct task_struct* p,
      u64 dsq_id, u64 enq_flags);
KFUNC(void, scx_bpf_dsq_move_set_slice, struct bpf_iter_scx_dsq* it__iter, u64 slice);
KFUNC(void, scx_bpf_dsq_move_set_vtime, struct bpf_iter_scx_dsq* it__iter, u64 vtime);
KFUNC(int, bpf_iter_scx_dsq_new, struct bpf_iter_scx_dsq* it, u64 dsq_id, u64 flags);
KFUNC(struct task_struct*, bpf_iter_scx_dsq_next, struct bpf_iter_scx_dsq* it);
KFUNC(void, bpf_iter_scx_dsq_destroy, struct bpf_iter_scx_dsq* it);

/* 6.19 put the arguments into a structure. */
KFUNC(s32, scx_bpf_select_cpu_and, struct task_struct* p, s32 prev_cpu, u64 wake_flags,
      const struct cpumask* cpus_allowed, u64 flags);
KFUNC(s32, __scx_bpf_select_cpu_and, struct task_struct* p, const struct cpumask* cpus_allowed,
      struct scx_bpf_select_cpu_and_args* args);

KFUNC(struct bpf_cpumask*, bpf_cpumask_create, void);
KFUNC(void, bpf_cpumask_release, struct bpf_cpumask* cpumask);
KFUNC(void, bpf_cpumask_set_cpu, u32 cpu, struct bpf_cpumask* cpumask);

/* 6.19; before it the slice is written directly. */
KFUNC(bool, scx_bpf_task_set_slice, struct task_struct* p, u64 slice);

KFUNC(u32, scx_bpf_reenqueue_local, void);
KFUNC(void, scx_bpf_reenqueue_local___v2, void);

KFUNC(struct task_struct*, bpf_task_from_pid, s32 pid);
KFUNC(void, bpf_task_release, struct task_struct* p);
KFUNC(struct cgroup*, bpf_cgroup_ancestor, struct cgroup* cgrp, int level);
KFUNC(void, bpf_cgroup_release, struct cgroup* cgrp);
KFUNC(bool, bpf_cpumask_test_cpu, u32 cpu, const struct cpumask* cpumask);
KFUNC(u32, bpf_cpumask_first, const struct cpumask* cpumask);
KFUNC(void, bpf_rcu_read_lock, void);
KFUNC(void, bpf_rcu_read_unlock, void);
/* Of libbpf's bpf_for(), which finds them itself. */
int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __ksym;
int* bpf_iter_num_next(struct bpf_iter_num* it) __ksym;
void bpf_iter_num_destroy(struct bpf_iter_num* it) __ksym;

/* scx_bpf_now() reads the run queue's cached clock; same time base as bpf_ktime_get_ns(). */
static __always_inline u64 now_ns(void) { return bpf_ktime_get_ns(); }

static __always_inline void dsq_insert(struct task_struct* p, u64 dsq, u64 slice, u64 enq_flags) {
    if (has_kfunc(scx_bpf_dsq_insert))
        scx_bpf_dsq_insert(p, dsq, slice, enq_flags);
    else
        scx_bpf_dsq_insert___v2(p, dsq, slice, enq_flags);
}

static __always_inline void dsq_insert_vtime(struct task_struct* p, u64 dsq, u64 slice, u64 vtime,
                                             u64 enq_flags) {
    if (has_kfunc(__scx_bpf_dsq_insert_vtime)) {
        struct scx_bpf_dsq_insert_vtime_args args = {
            .dsq_id = dsq,
            .slice = slice,
            .vtime = vtime,
            .enq_flags = enq_flags,
        };

        __scx_bpf_dsq_insert_vtime(p, &args);
    } else {
        scx_bpf_dsq_insert_vtime(p, dsq, slice, vtime, enq_flags);
    }
}

static __always_inline bool dsq_move_to_local(u64 dsq) {
    if (has_kfunc(scx_bpf_dsq_move_to_local))
        return scx_bpf_dsq_move_to_local(dsq);
    return scx_bpf_dsq_move_to_local___v2(dsq, 0);
}

/* An idle CPU of `among` for a waking task, or a negative number. */
static __always_inline s32 select_cpu_among(struct task_struct* p, s32 prev_cpu, u64 wake_flags,
                                            const struct cpumask* among) {
    if (has_kfunc(__scx_bpf_select_cpu_and)) {
        struct scx_bpf_select_cpu_and_args args = {.prev_cpu = prev_cpu, .wake_flags = wake_flags};

        return __scx_bpf_select_cpu_and(p, among, &args);
    }
    return scx_bpf_select_cpu_and(p, prev_cpu, wake_flags, among, 0);
}

static __always_inline void set_slice(struct task_struct* p, u64 slice) {
    if (has_kfunc(scx_bpf_task_set_slice))
        scx_bpf_task_set_slice(p, slice);
    else
        p->scx.slice = slice;
}

static __always_inline void reenqueue_local(void) {
    if (has_kfunc(scx_bpf_reenqueue_local))
        scx_bpf_reenqueue_local();
    else if (has_kfunc(scx_bpf_reenqueue_local___v2))
        scx_bpf_reenqueue_local___v2();
}

#endif
