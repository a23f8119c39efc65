/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF program and user space share: the one definition of every record, table and constant
 * that crosses the border. Included by both; the sizes are asserted at the end, on both sides.
 *
 * All times are CLOCK_MONOTONIC nanoseconds unless a name says otherwise.
 */
#ifndef RUSTLAND_ABI_H
#define RUSTLAND_ABI_H

#ifndef RUSTLAND_SCX_TYPES_H
#include <linux/types.h>
#endif

/* Most CPUs that the tables have room for. */
#define RL_MAX_CPUS 1024
/* Most last-level caches; one decided DSQ each. */
#define RL_MAX_LLCS 64
/* Decisions in one commit. */
#define RL_MAX_DECISIONS 256
/* Processes, and cgroups, that can have a class of their own at a time. */
#define RL_MAX_CLASSED_PROCESSES 4096
#define RL_MAX_CLASSED_CGROUPS 256
/* Buckets of a histogram of waits: up to half a second, and all above. */
#define RL_WAIT_BUCKETS 20
/* Words of policy state that the kernel side keeps for each task. */
#define RL_STATE_WORDS 4

/* Exit codes that our BPF program passes to scx_bpf_exit(). */
#define RL_EXIT_LEASE 1 /* user space was silent for longer than leave_ns */

/* Opaque to the BPF program: the policy's own memory of a task, kept with the task and freed with
 * it. All zero for a task that the policy has not seen yet. */
struct rl_state {
    __u64 word[RL_STATE_WORDS];
};

/* What a task is to the person at the machine. */
enum rl_class {
    RL_CLASS_NORMAL = 0,
    RL_CLASS_FOREGROUND = 1,
    RL_CLASS_BACKGROUND = 2,
    RL_CLASSES = 3,
};
/* Beside the class of a process: it is for the process itself, not for what descends from it. */
#define RL_CLASS_ALONE 0x100

enum rl_queued_flags {
    RL_QUEUED_WAKEUP = 1 << 0,     /* it slept and was woken; otherwise it used its slice up */
    RL_QUEUED_RESTRICTED = 1 << 1, /* it may not run on every online CPU */
    RL_QUEUED_KTHREAD = 1 << 2,
    RL_QUEUED_BATCH = 1 << 3,  /* SCHED_BATCH or SCHED_IDLE: it interrupts nobody */
    RL_QUEUED_CALLED = 1 << 4, /* a foreground task woke it, which it is none of itself */
};

/* One record in the ring: a task that waits for a decision. */
struct rl_queued {
    __u64 seq;         /* this enqueue of this task; the answer must carry it */
    __u64 enqueued_at; /* when it began to wait */
    __u64 sum_exec;    /* CPU time since the scheduler was attached */
    __u64 burst_exec;  /* CPU time since it last slept */
    __u64 sleeps;      /* times that it gave the CPU up by itself */
    __u64 last_sleep;  /* how long its last sleep took */
    __s64 lag;         /* CPU time that it deserves and has not got, see fair_math.h */
    struct rl_state state;
    __s32 pid;    /* thread id, initial PID namespace */
    __s32 tgid;   /* its process */
    __s32 cpu;    /* where it ran last */
    __u32 weight; /* 1 to 10000, 100 is nice 0: its own, without its groups */
    __u32 flags;  /* enum rl_queued_flags */
    __u32 nr_cpus_allowed;
    __u32 nr_waiting; /* decided tasks that wait for a CPU at this moment, on all CPUs */
    __u32 task_class; /* enum rl_class */
    __u32 stretch;    /* real time in which it deserves one ns of CPU time, see fair_math.h */
    __u32 reserved;
};

/* One record in the other ring, if the policy asks for it: a task that it knows is gone. */
struct rl_exited {
    __s32 pid;
    __u32 reserved;
};

enum rl_decision_flags {
    RL_DECISION_PREEMPT = 1 << 0, /* take a CPU from a task with a larger key */
    RL_DECISION_GOES_ON = 1 << 1, /* see `request` */
    RL_DECISION_AGED = 1 << 2,    /* its deadline is nearer than its lag would have it */
    RL_DECISION_OWN_KEY = 1 << 3, /* see `valid_for` */
};

enum rl_result {
    RL_RESULT_NONE = 0,
    RL_RESULT_MOVED = 1, /* it waits in deadline order for a CPU */
    RL_RESULT_STALE = 2, /* the task has been dequeued, or enqueued again, since */
    RL_RESULT_RETRY = 3, /* the kernel has not finished queueing it: say it again */
};

/* Bounds of a decision's key, ns. Below the least, a task would come before our own threads, which
 * then could not mend a policy's mistake; beyond the largest, the sum with the time overflows. */
#define RL_KEY_MIN (-900000000LL)
#define RL_KEY_MAX 3600000000000LL

/* One row of the decision table. */
struct rl_decision {
    __u64 seq;      /* of the record that this answers */
    __u64 slice;    /* nanoseconds */
    __u64 deadline; /* tasks run in this order */
    __s64 key;      /* how much others may interrupt it: larger is easier, see policy.hpp;
                       cut to RL_KEY_MIN..RL_KEY_MAX */
    __u64 request;  /* CPU time that it wants at a time, 0: unknown. With RL_DECISION_GOES_ON, when
                       its slice is used up, it goes on for another one while nothing that waits
                       is due before now + bias + (request - lag) * stretch */
    __s64 bias;
    struct rl_state state;
    __s32 pid;
    __s32 cpu; /* preferred CPU, -1: any */
    __u32 flags;
    __u32 result; /* enum rl_result, written by the kernel side */
    /*
     * For so long the decision holds for further wake-ups of the task, too, if it has a request;
     * 0: for this once. It is then due in bias + due ns, where due is (request - lag) * stretch,
     * bounded by due_min and due_max, and times rate / RL_RATE_ONE if that is positive. Its key is
     * the same with a lag of 0, or due if that is more; with RL_DECISION_OWN_KEY the one above.
     */
    __u32 valid_for;  /* ns, at most RL_VALID_FOR_MAX_NS (fair_math.h) */
    __u32 valid_exec; /* ns of CPU time that the task may use meanwhile */
    __s32 due_min;    /* ns */
    __s32 due_max;    /* ns */
    __u32 rate;       /* of RL_RATE_ONE, at most that */
    __u32 reserved[3];
};

/* One page of numbers that either side writes for the other. */
struct rl_control {
    __u32 nr_decisions; /* rows of the table that the next commit reads */
    /* Grown by user space after each change of the tables of classes: tasks then look again. */
    __u32 class_generation;
    __u32 limits_enforced; /* 1: limits of CPU time (cpu.max) can be read, and so be enforced */
    __s32 self_pid;        /* the thread that decides, set before the scheduler is attached */
    __s32 self_tgid;       /* its process */
    __u32 reserved;
    __u64 last_commit;   /* when user space last committed */
    __u64 lease_since;   /* when the lease took over, 0 while user space answers */
    __u64 limits_missed; /* 1: there is a limit that is not enforced all the same */
    __s64 exit_code;
    __u32 exit_kind; /* enum scx_exit_kind; 0 while attached */
    __u32 exit_seen; /* 1 when all exit fields are complete */
    char exit_reason[128];
    char exit_msg[1024];
};

/* Counters, one set a CPU, only ever growing but for the speed. */
struct rl_counters {
    __u64 queued;         /* records given to user space */
    __u64 decided;        /* … that user space decided */
    __u64 fallback;       /* … that the lease dispatched */
    __u64 dequeued;       /* … that the kernel took away before either */
    __u64 congested;      /* the ring was full: the same */
    __u64 unasked;        /* user space was silent: dispatched by its last word about the task */
    __u64 idle;           /* an idle CPU was found: user space was not asked */
    __u64 bypass_kthread; /* tasks that may not leave their CPU, memory-management daemons */
    __u64 bypass_self;    /* our own threads */
    __u64 resumed;        /* interrupted, and put back with the rest of their slice */
    __u64 stale;          /* decisions for an enqueue that was over */
    __u64 retried;        /* decisions that came before the enqueue was finished */
    __u64 kick_idle;
    __u64 kick_preempt;
    __u64 kick_dry;      /* kicked a CPU that had just found nothing to run */
    __u64 stolen;        /* taken from another CPU's or cache's queue */
    __u64 notified;      /* user space woken because queued work ran low */
    __u64 reenqueued;    /* pushed off a CPU that a higher class took */
    __u64 errors;        /* a task without our context: should stay 0 */
    __u64 foreground;    /* of the records, those of foreground tasks */
    __u64 background;    /* … of background tasks */
    __u64 exits_lost;    /* exits that user space was not told of: that ring was full */
    __u64 speed_hints;   /* what the frequency governor was told about a CPU */
    __u64 speed;         /* … the last word about this CPU, of RL_SPEED_FULL; 0: none yet */
    __u64 handed_on;     /* woken by a task that sleeps, and given the rest of its slice */
    __u64 went_on;       /* its slice was used up, and it came first again */
    __u64 groups_lost;   /* the table of groups was full: a task counts for the group above */
    __u64 limit_periods; /* in which a group used its limit (cpu.max) up */
    __u64 held_back;     /* tasks that had to wait for that */
    __u64 held_ns;       /* … for how long, all of them together */
    __u64 standing;      /* woke up while a decision held: user space was not asked again */
    __u64 reserved;
};

/* Nice values, -20 to 19. */
#define RL_NICE_WIDTH 40
/* A background task has this part of its weight. */
#define RL_BACKGROUND_DIVISOR 10

/* A CPU's largest speed; the kernel's own unit. */
#define RL_SPEED_FULL 1024

/* How long tasks waited from becoming runnable to running, one set a CPU, only ever growing; our
 * own threads are left out. */
struct rl_wait_histogram {
    __u64 count[RL_WAIT_BUCKETS]; /* waits below 2 << i us that no bucket before holds; the last one
                                     holds all that are longer */
    __u64 sum_ns;                 /* of all waits together */
};
struct rl_waits {
    struct rl_wait_histogram of[RL_CLASSES]; /* by enum rl_class */
    __u64 reserved;
};

/* Constants of one run, set before the program is loaded. */
struct rl_config {
    __u64 lease_ns;          /* longest wait for a decision */
    __u64 leave_ns;          /* on the lease for longer: detach */
    __u64 slice_ns;          /* slice of a task that user space was not asked about */
    __u64 slice_busy_ns;     /* the same while others wait */
    __u64 notify_ns;         /* longest time that a record without a wake-up may lie in the ring */
    __u64 preempt_margin_ns; /* by how much keys must differ for a preemption */
    __u64 kfuncs;            /* which of kfunc_list.h this kernel has: a bit for each number */
    __u32 nr_cpus;           /* possible CPU ids */
    __u32 nr_llcs;
    __u32 turn_after_ms; /* a task that is held back gets a turn then, for the watchdog */
    __u32 dump_len;      /* room in the exit_dump map */
    __u32 defer;         /* batch the records of tasks that used their slice up */
    __u32 nr_online;     /* CPUs that are online at attach */
    __u32 percpu_local;  /* tasks bound to one CPU do not ask user space */
    __u32 heterogeneous; /* CPUs differ in capacity: big_cpu tells which are large */
    __u32 numa_local;    /* the kernel looks for idle CPUs node by node */
    __u32 report_exits;  /* tell user space when a task is gone that it knows */
    __u32 cpufreq;       /* tell the frequency governor how fast the CPUs should run */
    __u32 hand_on;       /* a task that sleeps can hand its slice on to one that it wakes */
    __u32 nice_weight[RL_NICE_WIDTH]; /* of nice -20 to 19; nice 0 is 1024 */
    __u16 cpu_llc[RL_MAX_CPUS];
    __u8 big_cpu[RL_MAX_CPUS];
};

#ifdef __cplusplus
#define RL_STATIC_ASSERT static_assert
#else
#define RL_STATIC_ASSERT _Static_assert
#endif
RL_STATIC_ASSERT(sizeof(struct rl_state) == 32, "rl_state");
RL_STATIC_ASSERT(sizeof(struct rl_queued) == 128, "rl_queued");
RL_STATIC_ASSERT(sizeof(struct rl_exited) == 8, "rl_exited");
RL_STATIC_ASSERT(sizeof(struct rl_decision) == 128, "rl_decision");
RL_STATIC_ASSERT(sizeof(struct rl_control) == 64 + 128 + 1024, "rl_control");
RL_STATIC_ASSERT(sizeof(struct rl_counters) == 256, "rl_counters: whole cache lines");
RL_STATIC_ASSERT(sizeof(struct rl_waits) == 512, "rl_waits: whole cache lines");
RL_STATIC_ASSERT(sizeof(struct rl_config) == 104 + 4 * RL_NICE_WIDTH + 3 * RL_MAX_CPUS,
                 "rl_config");

#endif
