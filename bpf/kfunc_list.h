/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel functions that the BPF program calls, by number. The program is compiled with a call
 * to RL_KFUNC_FIRST plus the number, and the loader puts the function's type number in before
 * libbpf sees it (scheduler/kernel/bind_kfuncs.cpp): it finds all of them by one walk through the
 * kernel's types, where libbpf goes through 100,000 types for each, and through those of all
 * modules for each that this kernel does not have.
 *
 * KFUNC(name, needed): without one that is needed the program is not loaded; for the others the
 * program asks has_kfunc().
 */
#ifndef RUSTLAND_KFUNC_LIST_H
#define RUSTLAND_KFUNC_LIST_H

#define RL_KFUNCS(KFUNC)                                                                           \
    KFUNC(bpf_cgroup_ancestor, 1)                                                                  \
    KFUNC(bpf_cgroup_release, 1)                                                                   \
    KFUNC(bpf_cpumask_create, 1)                                                                   \
    KFUNC(bpf_cpumask_first, 1)                                                                    \
    KFUNC(bpf_cpumask_release, 1)                                                                  \
    KFUNC(bpf_cpumask_set_cpu, 1)                                                                  \
    KFUNC(bpf_cpumask_test_cpu, 1)                                                                 \
    KFUNC(bpf_iter_scx_dsq_destroy, 1)                                                             \
    KFUNC(bpf_iter_scx_dsq_new, 1)                                                                 \
    KFUNC(bpf_iter_scx_dsq_next, 1)                                                                \
    KFUNC(bpf_rcu_read_lock, 1)                                                                    \
    KFUNC(bpf_rcu_read_unlock, 1)                                                                  \
    KFUNC(bpf_task_from_pid, 1)                                                                    \
    KFUNC(bpf_task_release, 1)                                                                     \
    KFUNC(scx_bpf_cpu_node, 0)                                                                     \
    KFUNC(scx_bpf_cpuperf_set, 1)                                                                  \
    KFUNC(scx_bpf_create_dsq, 1)                                                                   \
    KFUNC(scx_bpf_dsq_insert, 0)                                                                   \
    KFUNC(scx_bpf_dsq_insert___v2, 0)                                                              \
    KFUNC(scx_bpf_dsq_insert_vtime, 0)                                                             \
    KFUNC(__scx_bpf_dsq_insert_vtime, 0)                                                           \
    KFUNC(scx_bpf_dsq_move, 1)                                                                     \
    KFUNC(scx_bpf_dsq_move_set_slice, 1)                                                           \
    KFUNC(scx_bpf_dsq_move_set_vtime, 1)                                                           \
    KFUNC(scx_bpf_dsq_move_to_local, 0)                                                            \
    KFUNC(scx_bpf_dsq_move_to_local___v2, 0)                                                       \
    KFUNC(scx_bpf_dsq_move_vtime, 1)                                                               \
    KFUNC(scx_bpf_dsq_nr_queued, 1)                                                                \
    KFUNC(scx_bpf_exit_bstr, 1)                                                                    \
    KFUNC(scx_bpf_get_online_cpumask, 1)                                                           \
    KFUNC(scx_bpf_kick_cpu, 1)                                                                     \
    KFUNC(scx_bpf_pick_idle_cpu, 1)                                                                \
    KFUNC(scx_bpf_pick_idle_cpu_node, 0)                                                           \
    KFUNC(scx_bpf_put_cpumask, 1)                                                                  \
    KFUNC(scx_bpf_reenqueue_local, 0)                                                              \
    KFUNC(scx_bpf_reenqueue_local___v2, 0)                                                         \
    KFUNC(scx_bpf_select_cpu_and, 0)                                                               \
    KFUNC(__scx_bpf_select_cpu_and, 0)                                                             \
    KFUNC(scx_bpf_select_cpu_dfl, 1)                                                               \
    KFUNC(scx_bpf_task_cpu, 1)                                                                     \
    KFUNC(scx_bpf_task_set_slice, 0)                                                               \
    KFUNC(scx_bpf_test_and_clear_cpu_idle, 1)

#define RL_KFUNC_NUMBER(name, needed) KF_##name,
enum rl_kfunc { RL_KFUNCS(RL_KFUNC_NUMBER) RL_NR_KFUNCS };
#undef RL_KFUNC_NUMBER

/* No helper of any kernel has such a number. */
#define RL_KFUNC_FIRST 0x52000000

#endif
