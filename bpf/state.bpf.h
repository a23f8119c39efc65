/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps, per-task and per-CPU contexts, counters, and the state word that makes the counters exact.
 */
#ifndef RUSTLAND_STATE_BPF_H
#define RUSTLAND_STATE_BPF_H

#include "scx_kfuncs.h"

#define DSQ_PENDING 1ULL
#define DSQ_HELD 2ULL /* see held.bpf.h */
#define DSQ_LLC(llc) (0x1000ULL + (llc))
#define DSQ_CPU(cpu) (0x10000ULL + (u64)(u32)(cpu))

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} queued_ring SEC(".maps");

/* Tasks that are gone. A ring of its own, which nobody is woken for: a record without a wake-up in
 * the ring above would keep the next one from waking user space. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} exited_ring SEC(".maps");

/* Rare news for the main thread; its own ring, so that it is never full of records. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} news_ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, RL_MAX_DECISIONS);
    __type(key, u32);
    __type(value, struct rl_decision);
} decisions SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct rl_control);
} control SEC(".maps");

/* An ordinary array indexed by CPU, not a per-CPU one, so that user space can map and read it. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, RL_MAX_CPUS);
    __type(key, u32);
    __type(value, struct rl_counters);
} counters SEC(".maps");

/*
 * The life of one enqueue that user space is asked about, in one word: seq << 2 | state. Whoever
 * moves the word out of PENDING counts the enqueue, and only one can:
 *
 *            enqueue             commit, lease
 *   IDLE ---------------> PENDING ----------> CLAIMED    moved: decided or fallback
 *                           | ^                | |
 *                           | +----------------+ |       could not be moved
 *                           |                    |
 *                           +-----> IDLE <-------+       runs, sleeps, leaves the class, or is
 *                                                        enqueued again
 *
 * From PENDING to IDLE counts as dequeued. From CLAIMED to IDLE is left to the claimer: it has
 * moved the task, or finds the claim gone when it takes it back, and counts that as dequeued.
 */
enum { WORD_IDLE = 0, WORD_PENDING = 1, WORD_CLAIMED = 2, WORD_MASK = 3 };

/* What a task's next start says of the fair shares, see fair.bpf.h. */
enum start_kind {
    START_OTHER = 0, /* nothing */
    START_IDLE = 1,  /* on an idle CPU: nobody waits for it */
    START_FIRST = 2, /* it waits in deadline order, and starts when it comes first */
    START_AGED = 3,  /* the same, but its deadline is nearer than by its lag, so that it ages */
};

struct task_ctx {
    u64 word;
    u64 enqueued_at;
    u64 waits_since; /* became runnable then and has not run yet; 0: it does not wait */
    u64 started_at;
    u64 slept_at;
    u64 last_sleep;
    u64 sum_exec;
    u64 burst_exec;
    u64 sleeps;
    u64 cgroup_id;
    s64 key;         /* of the last decision, grown by the CPU time used since */
    s64 decided_key; /* of the last decision, as it was then */
    u64 deadline;    /* of the present slice */
    u64 granted;     /* slice of the last decision */
    u64 used;        /* how much of it is gone */
    u64 turn_until;  /* until when it can be handed on, 0: it has not been; see hand_on.bpf.h */
    /* What the task that woke it hands on to it. */
    u64 handed_rest; /* 0: nothing */
    u64 handed_deadline;
    u64 handed_until;
    s64 handed_lag; /* the waker's; never above 0 */
    /* Its fair share, see fair.bpf.h and groups.bpf.h. */
    s64 lag;           /* as of clock_at */
    u64 clock_at;      /* the clock's time when the lag was last brought up to date */
    u64 flat;          /* weight, as last computed */
    s64 request_cap;   /* the largest request that it may have now */
    s64 request;       /* of the last decision; 0: unknown */
    s64 bias;          /* of the last decision */
    u64 round_from;    /* when it last came first, 0: not since it became runnable */
    u64 round_exec;    /* sum_exec then */
    u64 group;         /* number of its group, which counts it as a member; NO_GROUP: the root's */
    u64 group_seen;    /* address of the group that number was found for */
    u32 own_weight;    /* 1024 is nice 0 */
    u32 active_weight; /* what its group counts for it; 0: it is not runnable */
    u32 clock;         /* index of its clock */
    u32 asleep;
    u32 called;         /* a foreground task woke it, see called.bpf.h */
    u32 decision_flags; /* of the last decision */
    /* How long the last decision holds, see standing.bpf.h. */
    u64 stands_until; /* 0: it does not */
    u64 stands_exec;  /* sum_exec up to which it does */
    u64 stands_slice;
    s32 due_min;
    s32 due_max;
    u32 rate;
    u32 stands_weight; /* its own, when it was decided about */
    u32 stands_cpus;   /* on how many it might run then */
    u32 stands_called; /* whether a foreground task had woken it */
    u32 start;         /* enum start_kind */
    u64 target;        /* of the last decision, packed; see place.bpf.h */
    /* Of the limits of its groups, see limited.bpf.h and held.bpf.h. */
    u32 limited;       /* its group, or one above it, has one */
    u32 turn;          /* it has been let go for a moment, without a budget */
    u64 held_since;    /* it is held back since then; 0: it is not */
    u64 no_turn_since; /* the same, over all times that it was let go and came too late */
    u64 over_from;     /* sum_exec when it began to run without a budget, 0: it does not */
    struct rl_state state;
    s32 woke;       /* the last one that it woke on its way to sleep */
    u32 task_class; /* valid for class_generation, see class.bpf.h */
    u32 class_generation;
    s32 class_root; /* the process that it has its class from, 0: none, below: see class.bpf.h */
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct task_ctx);
} tasks SEC(".maps");

/* What runs on a CPU; written by that CPU alone, except for preempted_at. */
struct cpu_ctx {
    u64 started_at;
    s64 key;
    s32 pid;          /* 0: no task that could be interrupted */
    u32 dry;          /* its last dispatch found nothing to run */
    u64 preempted_at; /* an urgent task was sent here and has not started yet */
    u32 self_coming;  /* our thread is about to interrupt what runs here */
    u32 self_running; /* our thread runs here: this CPU is free once it sleeps */
    s64 interrupted;  /* key of the task that our thread interrupted, S64_MAX: none */
    u32 turn;         /* which other queue to look into next */
    u32 offline;
    /* What speed.bpf.h keeps. */
    u32 speed; /* last told, 0: nothing yet */
    u32 pad;
    u64 busy_from; /* since when it is busy, as far as it has not been added up; 0: it is idle */
    u64 busy;      /* of this window */
    u64 window_since;
    u64 full_until;
    /* What limited.bpf.h keeps. */
    u64 cut_at;   /* when what runs here is to be stopped, 0: it has no such time */
    u32 limited;  /* what runs here has a limit */
    u32 llc_turn; /* which other cache's queue to look into next */
    u64 looked_elsewhere_at;
    u64 looked_overdue_at; /* for tasks that wait for this CPU alone; ends a cache line */
};

#define NO_TASK_INTERRUPTED ((s64)0x7fffffffffffffffLL)

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, RL_MAX_CPUS);
    __type(key, u32);
    __type(value, struct cpu_ctx);
} cpus SEC(".maps");

/* How many CPUs are dry. A commit must kick one of them, since the kernel marks a CPU idle only
 * after its dispatch has returned. */
s32 nr_dry;
u32 nr_online;

/* The CPU that is on its way offline, -1: none. The kernel takes them off one at a time. */
s32 leaving_cpu = -1;

/* The CPUs of large capacity, where CPUs differ. In a section of its own without any global
 * variable: libbpf from 1.5 on maps every section with one, and the kernel refuses to map a section
 * that holds a pointer of the kernel's. */
static struct bpf_cpumask __kptr* big_cpus SEC(".data.kptr") __attribute__((aligned(8)));

static __always_inline struct task_ctx* task_ctx_of(struct task_struct* p) {
    return bpf_task_storage_get(&tasks, p, 0, 0);
}

static __always_inline struct cpu_ctx* cpu_ctx_of(s32 cpu) {
    u32 key = cpu;

    return bpf_map_lookup_elem(&cpus, &key);
}

static __always_inline bool is_offline(s32 cpu) {
    struct cpu_ctx* cc = cpu_ctx_of(cpu);

    return cc && cc->offline;
}

/* Claims an idle CPU, if there is one; where CPUs are kept apart by node, one near the CPU `near`.
 * A CPU that went offline stays in the kernel's mask until somebody claims it: the next claim then
 * finds another. */
static __always_inline s32 pick_idle_cpu(const cpumask_t* allowed, s32 near) {
    s32 cpu = -1, i;

    bpf_for(i, 0, 4) {
        if (config.numa_local && has_kfunc(scx_bpf_pick_idle_cpu_node))
            cpu = scx_bpf_pick_idle_cpu_node(allowed, scx_bpf_cpu_node(near), 0);
        else
            cpu = scx_bpf_pick_idle_cpu(allowed, 0);
        if (cpu < 0 || !is_offline(cpu))
            return cpu;
    }
    return -1;
}

static __always_inline struct rl_control* the_control(void) {
    u32 key = 0;

    return bpf_map_lookup_elem(&control, &key);
}

/* The thread that decides. */
static __always_inline bool is_self(const struct task_struct* p) {
    struct rl_control* c = the_control();

    return c && c->self_pid == p->pid;
}

/* Another thread of its process: an ordinary task, but for one thing. It must not wait for the
 * thread that decides, because it notices if that one does not come back. */
static __always_inline bool is_beside_self(const struct task_struct* p) {
    struct rl_control* c = the_control();

    return c && c->self_tgid == p->tgid && c->self_pid != p->pid;
}

/* Atomic because the commit program can be interrupted by another program on the same CPU. */
#define count_n(name, n)                                                                           \
    do {                                                                                           \
        u32 count_cpu_ = bpf_get_smp_processor_id();                                               \
        struct rl_counters* count_ = bpf_map_lookup_elem(&counters, &count_cpu_);                  \
        if (count_)                                                                                \
            __sync_fetch_and_add(&count_->name, n);                                                \
    } while (0)
#define count(name) count_n(name, 1)

static __always_inline u32 llc_of(s32 cpu) {
    u64 index = (u32)cpu;

    barrier_var(index); /* keeps the compiler from undoing the mask that the verifier needs */
    index &= RL_MAX_CPUS - 1;
    return config.cpu_llc[index];
}

/*
 * A function that the verifier checks once per program, by itself, instead of once for each state
 * of each of its callers. Weak, so that the compiler draws no conclusions from its body that the
 * verifier cannot follow.
 */
#define VERIFIED_ALONE __weak __noinline

/*
 * An object of the kernel to read numbers from. Where a pointer is read out of an object that the
 * verifier trusts, it looks through all types of the kernel (100,000, one after the other up
 * to 7.0) up to four times for a list that says whether that pointer can be trusted as well: half
 * of the time that verification took went there. What is reached by way of READ_ONLY() has no such
 * price, and can be given to no function of the kernel.
 */
#define READ_ONLY(object) bpf_core_cast(object, typeof(*(object)))

/* Has the compiler read a pointer here, where the verifier comes by once, and not in each branch
 * that uses it (see READ_ONLY()). */
#define read_here(pointer) barrier_var(pointer)

/* Ends an enqueue; called wherever a task turns up outside the pending DSQ. */
static __always_inline void word_forget(struct task_ctx* tc) {
    u64 word = tc->word, idle = (word & ~(u64)WORD_MASK) | WORD_IDLE;

    if (word == idle)
        return;
    /* A claim, or its taking back, can come between the two looks; another enqueue cannot. */
    if ((__sync_lock_test_and_set(&tc->word, idle) & WORD_MASK) == WORD_PENDING)
        count(dequeued);
}

/* Starts an enqueue; returns its sequence number. */
static __always_inline u64 word_begin(struct task_ctx* tc) {
    u64 seq;

    word_forget(tc);
    seq = (tc->word >> 2) + 1;
    tc->word = seq << 2 | WORD_PENDING;
    return seq;
}

static __always_inline bool word_claim(struct task_ctx* tc, u64 seq) {
    u64 word = seq << 2 | WORD_PENDING;

    return __sync_val_compare_and_swap(&tc->word, word, seq << 2 | WORD_CLAIMED) == word;
}

/* Takes a claim back when the task could not be moved. False if the enqueue is over by now: whoever
 * ended it saw the claim, and left it to us to count. */
static __always_inline bool word_unclaim(struct task_ctx* tc, u64 seq) {
    u64 word = seq << 2 | WORD_CLAIMED;

    if (__sync_val_compare_and_swap(&tc->word, word, seq << 2 | WORD_PENDING) == word)
        return true;
    count(dequeued);
    return false;
}

/* Whether more than ns have passed since then. The time may lie ahead: another CPU has just set it,
 * with a clock reading after ours. */
static __always_inline bool older_than(u64 since, u64 now, u64 ns) {
    return (s64)(now - since) > (s64)ns;
}

static __always_inline s64 bounded_key(s64 key) {
    return key < RL_KEY_MIN ? RL_KEY_MIN : key > RL_KEY_MAX ? RL_KEY_MAX : key;
}

/* Starts a slice; the deadline is what the task waits by, if it does. What it used before, in
 * slices that idle CPUs gave it without a decision perhaps, does not make it easier to interrupt.
 */
static __always_inline void grant(struct task_ctx* tc, u64 slice, u64 deadline) {
    tc->key = tc->decided_key;
    tc->deadline = deadline;
    tc->granted = slice;
    tc->used = 0;
    tc->turn_until = 0;
}

/* A smaller rest of a slice is not worth a turn. */
#define REST_MIN_NS 300000ULL

/* What is left of the slice of which that much is used; 0 if that is not worth a turn. */
static __always_inline u64 rest_of_slice(const struct task_ctx* tc, u64 used) {
    return tc->granted >= used + REST_MIN_NS ? tc->granted - used : 0;
}

/* True for the one who took the mark off. */
static __always_inline bool dry_clear(struct cpu_ctx* cc) {
    if (!cc->dry || !__sync_val_compare_and_swap(&cc->dry, 1, 0))
        return false;
    __sync_fetch_and_add(&nr_dry, -1);
    return true;
}

static __always_inline void dry_set(struct cpu_ctx* cc) {
    if (!__sync_val_compare_and_swap(&cc->dry, 0, 1))
        __sync_fetch_and_add(&nr_dry, 1);
    /* The mark of a CPU that goes offline would mislead: it may not look any more. */
    if (cc->offline)
        dry_clear(cc);
}

#endif
