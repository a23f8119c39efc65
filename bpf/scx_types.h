/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that the BPF program touches, and no more. Every structure is relocated by CO-RE
 * when the program is loaded, so only the names of the members matter, not their order, and a
 * member that a kernel lacks is asked for with bpf_core_field_exists() first.
 */
#ifndef RUSTLAND_SCX_TYPES_H
#define RUSTLAND_SCX_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef short __s16;
typedef signed char __s8;
typedef u32 __wsum;
typedef u16 __be16;
typedef u32 __be32;
typedef u16 __sum16;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void*)0)

/* Map types and flags, from the kernel's stable user-space interface (linux/bpf.h). */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_F_NO_PREALLOC = 1U << 0, BPF_F_MMAPABLE = 1U << 10 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define SIGKILL 9
#define SIGNAL_GROUP_EXIT 0x00000004 /* include/linux/sched/signal.h */
/* Scheduling policies (linux/sched.h), and the kernel's weight of SCHED_IDLE. */
#define SCHED_BATCH 3
#define SCHED_IDLE 5
#define WEIGHT_SCHED_IDLE 3
#define CLOCK_MONOTONIC 1
/* Priorities below this are real-time (include/linux/sched/prio.h). */
#define MAX_RT_PRIO 100

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cpumask {};
typedef struct cpumask cpumask_t;

struct bpf_cpumask {
    cpumask_t cpumask;
};

struct kernfs_node {
    u64 id;
};

struct cgroup {
    int level;
    struct kernfs_node* kn;
};

struct cgroup_subsys_state {
    u64 serial_nr;
};

struct autogroup {
    unsigned long id;
};

struct scx_task_group {
    u32 weight;
    u64 bw_period_us;
    u64 bw_quota_us;
    u64 bw_burst_us;
};

struct cfs_bandwidth {
    s64 period;
    u64 quota;
    u64 burst;
};

struct task_group {
    struct cgroup_subsys_state css;
    unsigned long shares;
    struct task_group* parent;
    struct autogroup* autogroup;
    struct scx_task_group scx;
    struct cfs_bandwidth cfs_bandwidth;
};

typedef struct {
    unsigned long sig[1];
} sigset_t;

struct sigpending {
    sigset_t signal;
};

struct signal_struct {
    u32 flags;
};

struct sched_ext_entity {
    u32 flags;
    u32 weight;
    u64 slice;
    u64 dsq_vtime;
};

struct task_struct {
    u32 flags;
    s32 pid;
    s32 tgid;
    int prio;
    int static_prio;
    unsigned int policy;
    struct task_group* sched_task_group;
    int nr_cpus_allowed;
    unsigned short migration_disabled;
    const cpumask_t* cpus_ptr;
    struct task_struct* group_leader;
    struct task_struct* real_parent;
    struct sigpending pending;
    struct signal_struct* signal;
    struct sched_ext_entity scx;
    char comm[16];
};

/* What a task had in its registers when it came into the kernel: the number of its system call, and
 * a negative one if it was interrupted. The first is x86's name for it, the second arm64's. */
struct pt_regs {
    long orig_ax;
    s32 syscallno;
};

enum scx_exit_kind { SCX_EXIT_NONE = 0 };

struct scx_exit_info {
    enum scx_exit_kind kind;
    s64 exit_code;
    const char* reason;
    char* msg;
    char* dump;
};

struct scx_init_task_args {
    bool fork;
    struct cgroup* cgroup;
};

struct scx_exit_task_args {
    bool cancelled;
};

struct scx_cgroup_init_args {};

struct scx_cpu_release_args {
    struct task_struct* task;
};

enum scx_dsq_id_flags {
    SCX_DSQ_GLOBAL = 0x8000000000000001ULL,
    SCX_DSQ_LOCAL = 0x8000000000000002ULL,
    SCX_DSQ_LOCAL_ON = 0xc000000000000000ULL,
};

enum scx_enq_flags {
    SCX_ENQ_WAKEUP = 1,
    SCX_ENQ_HEAD = 16,
    SCX_ENQ_CPU_SELECTED = 1024,
    SCX_ENQ_PREEMPT = 1ULL << 32,
    SCX_ENQ_REENQ = 1ULL << 40,
    SCX_ENQ_LAST = 1ULL << 41,
};

enum scx_deq_flags { SCX_DEQ_SLEEP = 1 };

enum scx_wake_flags { SCX_WAKE_SYNC = 16 };

enum scx_kick_flags {
    SCX_KICK_IDLE = 1,
    SCX_KICK_PREEMPT = 2,
};

enum scx_ent_flags { SCX_TASK_QUEUED = 1 };

struct scx_bpf_dsq_insert_vtime_args {
    u64 dsq_id;
    u64 slice;
    u64 vtime;
    u64 enq_flags;
};

struct scx_bpf_select_cpu_and_args {
    s32 prev_cpu;
    u64 wake_flags;
    u64 flags;
};

#pragma clang attribute pop

/* Opaque to us; the kernel's own size and alignment. */
struct bpf_timer {
    __u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_iter_scx_dsq {
    __u64 __opaque[6];
} __attribute__((aligned(8)));
struct bpf_iter_num {
    __u64 __opaque[1];
} __attribute__((aligned(8)));

/*
 * The operations table. Its members are matched by name with the running kernel's; the loader
 * clears the ones that the kernel does not have (see kernel/bpf_object.cpp).
 */
struct sched_ext_ops {
    s32 (*select_cpu)(struct task_struct* p, s32 prev_cpu, u64 wake_flags);
    void (*enqueue)(struct task_struct* p, u64 enq_flags);
    void (*dispatch)(s32 cpu, struct task_struct* prev);
    void (*tick)(struct task_struct* p);
    void (*runnable)(struct task_struct* p, u64 enq_flags);
    void (*running)(struct task_struct* p);
    void (*stopping)(struct task_struct* p, bool runnable);
    void (*quiescent)(struct task_struct* p, u64 deq_flags);
    void (*cpu_release)(s32 cpu, struct scx_cpu_release_args* args);
    s32 (*init_task)(struct task_struct* p, struct scx_init_task_args* args);
    void (*exit_task)(struct task_struct* p, struct scx_exit_task_args* args);
    void (*enable)(struct task_struct* p);
    void (*disable)(struct task_struct* p);
    s32 (*cgroup_init)(struct cgroup* cgrp, struct scx_cgroup_init_args* args);
    void (*cgroup_exit)(struct cgroup* cgrp);
    void (*cgroup_move)(struct task_struct* p, struct cgroup* from, struct cgroup* to);
    void (*cgroup_set_bandwidth)(struct cgroup* cgrp, u64 period_us, u64 quota_us, u64 burst_us);
    void (*cpu_online)(s32 cpu);
    void (*cpu_offline)(s32 cpu);
    s32 (*init)(void);
    void (*exit)(struct scx_exit_info* info);
    u64 flags;
    u32 timeout_ms;
    u32 exit_dump_len;
    char name[128];
};

#endif
