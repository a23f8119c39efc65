/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps account of what each task deserves and gets, by the formulas of fair_math.h.
 *
 * All tasks share a virtual clock, whatever last-level cache they are in: one that is owed CPU time
 * in a cache with more to do comes earlier, and other caches take it (queues.bpf.h). The foreground
 * has one of its own, because it may take more than its share from the others and still divides it
 * fairly. A clock advances when the task that comes first gets a CPU: to where that task
 * has just what it deserves. So it never runs ahead of those that wait, and a task that cannot use
 * all that it deserves, as a task alone in a heavy group can use one CPU only, does not hold it
 * back.
 *
 * A lag is brought up to date when a task becomes runnable, starts, stops, and when its slice ends.
 * What a task uses while nobody waits is taken from nobody, and leaves no debt.
 */
#ifndef RUSTLAND_FAIR_BPF_H
#define RUSTLAND_FAIR_BPF_H

#include "budget.bpf.h"
#include "class.bpf.h"

/* Tasks of our class that run or wait, but for the thread that decides. */
s32 nr_runnable;

struct fair_clock {
    u64 time;
    u64 pace;
    u64 span_since; /* for measuring the pace */
    u64 span_from;  /* the clock's time then */
    /* What tasks got that had to wait for it, see rl_had_to_wait, in the last few spans, and the
     * pace that this tells. Added to without a lock: a lost addition costs accuracy only. */
    u64 served;
    u64 weight_time;
    u64 pace_of_service; /* 0: not known yet */
    u64 pad;             /* to a whole cache line */
};

enum fair_clocks { CLOCK_COMMON = 0, CLOCK_FOREGROUND = 1, NR_CLOCKS };

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, NR_CLOCKS);
    __type(key, u32);
    __type(value, struct fair_clock);
} clocks SEC(".maps");

static __always_inline struct fair_clock* fair_clock_of(u32 index) {
    return bpf_map_lookup_elem(&clocks, &index);
}

static __always_inline u64 fair_pace(const struct fair_clock* clock) {
    return clock->pace ? clock->pace : RL_PACE_ONE;
}

static __always_inline u32 fair_clock_index(u32 class) {
    return class == RL_CLASS_FOREGROUND ? CLOCK_FOREGROUND : CLOCK_COMMON;
}

/* Brings the lag up to date: the task has used this much CPU time since it was last. */
static __always_inline void fair_settle(struct task_struct* p, struct task_ctx* tc, u64 used,
                                        u64 now) {
    struct fair_clock* clock = fair_clock_of(tc->clock);
    u64 time, advance;

    if (!clock)
        return;
    time = clock->time;
    advance = (s64)(time - tc->clock_at) > 0 ? time - tc->clock_at : 0;
    tc->flat = flat_weight(tc);
    tc->lag = tc->asleep ? rl_lag_after_sleep(tc->lag, advance, tc->flat)
                         : rl_lag_after(tc->lag, advance, tc->flat, used, tc->request_cap);
    tc->asleep = 0;
    tc->clock_at = time;
}

/* The lag of a task that runs, and has used this much since its lag was last brought up to date.
 * The clock has gone on meanwhile, driven by other CPUs. */
static __always_inline s64 fair_lag_now(const struct task_ctx* tc, u64 used) {
    struct fair_clock* clock = fair_clock_of(tc->clock);
    u64 advance = clock && clock->time > tc->clock_at ? clock->time - tc->clock_at : 0;

    return rl_lag_after(tc->lag, advance, tc->flat, used, tc->request_cap);
}

/* The task has its debt towards another clock from now on. What it was owed is owed by those that
 * share the clock that it leaves. */
static __always_inline void fair_change_clock(struct task_ctx* tc, u32 index) {
    struct fair_clock* clock = fair_clock_of(index);

    if (tc->clock == index || !clock)
        return;
    tc->clock = index;
    tc->clock_at = clock->time;
    if (tc->lag > 0)
        tc->lag = 0;
}

/* p comes to our class: what the clock did before does not concern it. A new task keeps the debt
 * that it has inherited. */
static __always_inline void fair_enter(struct task_struct* p, struct task_ctx* tc) {
    u32 index = fair_clock_index(tc->task_class);
    struct fair_clock* clock = fair_clock_of(index);

    if (!clock)
        return;
    tc->clock = index;
    tc->clock_at = clock->time;
    tc->asleep = 0;
    if (tc->lag > 0)
        tc->lag = 0;
}

/* Called when p becomes runnable. */
static __always_inline void fair_runnable(struct task_struct* p, struct task_ctx* tc, u32 class,
                                          u64 now) {
    if (!tc->active_weight)
        __sync_fetch_and_add(&nr_runnable, 1);
    group_runnable(p, tc, class, now);
    fair_settle(p, tc, 0, now);
    fair_change_clock(tc, fair_clock_index(class));
}

/* p was held back, which is over now that it runs. */
static __always_inline void fair_active_again(struct task_struct* p, struct task_ctx* tc,
                                              u32 class) {
    __sync_fetch_and_add(&nr_runnable, 1);
    group_active_again(tc);
    fair_change_clock(tc, fair_clock_index(class));
}

static __always_inline void fair_quiescent(struct task_ctx* tc) {
    if (tc->active_weight)
        __sync_fetch_and_add(&nr_runnable, -1);
    tc->round_from = 0;
    group_quiescent(tc);
}

static __always_inline u64 fair_stretch(struct task_ctx* tc) {
    struct fair_clock* clock = fair_clock_of(tc->clock);
    u64 stretch = rl_stretch(tc->flat, clock ? fair_pace(clock) : RL_PACE_ONE);

    tc->request_cap = rl_request_cap(stretch);
    return stretch;
}

/*
 * When p is to be done with what it wants, in ns from now, by what the kernel side knows: what user
 * space last said of it, its lag, and its burst until now.
 */
static __always_inline s64 fair_ahead(struct task_ctx* tc) {
    u64 stretch = fair_stretch(tc); /* brings request_cap up to date, too */
    s64 request = tc->request ? tc->request : tc->request_cap;

    if (tc->burst_exec > (u64)request)
        request = (s64)tc->burst_exec;
    if (request > tc->request_cap)
        request = tc->request_cap;
    return bounded_key(tc->bias + rl_time_to_deadline(request, tc->lag, stretch));
}

/*
 * When a task of which user space is not asked is to be done, in ns from now: by the formulas of
 * fair shares. What user space last said of it counts instead if it gave a key and no request,
 * since it has another order then. At the earliest it is now, but for the foreground: with nobody
 * to decide, what is owed to a task is no reason to come before all that wait. It ages in any case.
 */
static __always_inline s64 unasked_ahead(struct task_ctx* tc) {
    s64 ahead;

    if (!tc->request && tc->decided_key)
        return rl_aging_ahead(tc->decided_key);
    ahead = fair_ahead(tc);
    return rl_aging_ahead(ahead < tc->bias ? tc->bias : ahead);
}

/* How a task starts that waited with such a deadline. */
static __always_inline u32 unasked_start(s64 ahead) {
    return ahead < RL_WAIT_MAX_NS ? START_FIRST : START_AGED;
}

/* p comes first, once more. A task that goes on begins no new round before the longest span is
 * over: it waits later, or not at all. */
static __always_inline void fair_count_round(struct fair_clock* clock, struct task_ctx* tc,
                                             bool goes_on, u64 now) {
    u64 round = now - tc->round_from, used = tc->sum_exec - tc->round_exec;

    if (tc->round_from && (s64)round > 0) {
        if (goes_on && round < RL_PACE_SPAN_MAX_NS)
            return;
        if (rl_had_to_wait(used, round)) {
            clock->served += used;
            clock->weight_time += rl_weight_time(tc->flat, round);
        }
    }
    tc->round_from = now;
    tc->round_exec = tc->sum_exec;
}

static __always_inline void fair_measure_pace(struct fair_clock* clock, u64 now) {
    u64 span = now - clock->span_since;

    if ((s64)span < (s64)RL_PACE_SPAN_MIN_NS)
        return;
    if (span <= RL_PACE_SPAN_MAX_NS)
        clock->pace = rl_pace_after(fair_pace(clock), clock->time - clock->span_from, span);
    clock->pace_of_service =
        rl_pace_of_service(clock->served, clock->weight_time, fair_pace(clock));
    clock->served = rl_remembered(clock->served);
    clock->weight_time = rl_remembered(clock->weight_time);
    clock->span_since = now;
    clock->span_from = clock->time;
}

/* How far a task that comes first because it has aged may push the clock. */
static __always_inline u64 fair_aged_push_limit(const struct fair_clock* clock, u64 now) {
    u64 span = now - clock->span_since, time = clock->time;

    if ((s64)span <= 0)
        return 0;
    return rl_aged_push_limit(clock->pace_of_service, span,
                              time > clock->span_from ? time - clock->span_from : 0);
}

/* p gets a CPU because it came first among those that waited; or it had the CPU, and goes on. */
static __always_inline void fair_first(struct task_struct* p, struct task_ctx* tc, bool goes_on,
                                       u64 now) {
    struct fair_clock* clock = fair_clock_of(tc->clock);
    u64 push, time, limit;

    if (!clock)
        return;
    fair_stretch(tc);
    push = rl_clock_push(tc->lag, tc->request ? tc->request : tc->request_cap, tc->request_cap,
                         tc->flat);
    if (push && tc->start == START_AGED) {
        limit = fair_aged_push_limit(clock, now);
        push = push > limit ? limit : push;
    }
    if (push) {
        time = clock->time;
        /* Another CPU may have pushed it meanwhile: the next start tells the rest. */
        if (tc->clock_at + push > time)
            __sync_val_compare_and_swap(&clock->time, time, tc->clock_at + push);
        fair_settle(p, tc, 0, now);
    }
    fair_count_round(clock, tc, goes_on, now);
    fair_measure_pace(clock, now);
}

/* There is a CPU for everybody: what the task used was taken from nobody. */
static __always_inline void fair_forgive(struct task_ctx* tc) {
    if (tc->lag < 0 && nr_runnable <= (s32)nr_online)
        tc->lag = 0;
}

/* p starts to run. */
static __always_inline void fair_running(struct task_struct* p, struct task_ctx* tc, u64 now) {
    fair_settle(p, tc, 0, now);
    if (tc->start == START_FIRST || tc->start == START_AGED)
        fair_first(p, tc, false, now);
    else if (tc->start == START_IDLE)
        fair_forgive(tc);
    tc->start = START_OTHER;
    tc->handed_lag = 0;
}

/* Adds up what p has used since it was last added up; it still runs, or has just stopped. */
static __always_inline void account(struct task_struct* p, struct task_ctx* tc, u64 now) {
    u64 ran = now - tc->started_at;

    if ((s64)ran < 0)
        ran = 0;
    tc->started_at = now;
    tc->sum_exec += ran;
    tc->burst_exec += ran;
    tc->key += ran;
    tc->used += ran;
    if (tc->limited)
        budget_charge(tc->group, ran);
    fair_settle(p, tc, ran, now);
}

/* The debt of the task that woke this one and went to sleep, see hand_on.bpf.h. */
static __always_inline void fair_take_handed(struct task_ctx* tc) {
    if (tc->handed_lag < tc->lag && tc->handed_lag < 0)
        tc->lag = rl_bounded_lag(tc->handed_lag, tc->request_cap);
    tc->handed_lag = 0;
}

/* A new task owes what its parent owes: a stream of new tasks gets no more than a single one. */
static __always_inline void fair_inherit(struct task_ctx* child) {
    struct task_struct* parent = (void*)bpf_get_current_task_btf();
    struct task_ctx* tc = task_ctx_of(parent);

    if (!tc)
        return;
    child->request_cap = tc->request_cap;
    child->lag = fair_lag_now(tc, now_ns() - tc->started_at);
    if (child->lag > 0)
        child->lag = 0;
}

/*
 * A task that exits leaves its debt to the one that started it: to its process, if it is a thread,
 * else to its parent. The deeper of both debts stays, not the sum, because the heir may have
 * several children at a time and is to get as much as each of them would. init takes none over.
 * Only within a clock, since the foreground owes the others nothing by its own.
 */
static __always_inline void fair_bequeath(struct task_struct* p, struct task_ctx* tc) {
    s32 heir_pid = p->pid != p->tgid ? p->tgid : BPF_CORE_READ(p, real_parent, pid);
    struct task_struct* heir;
    struct task_ctx* to;

    if (tc->lag >= 0 || heir_pid <= 1)
        return;
    heir = bpf_task_from_pid(heir_pid);
    if (!heir)
        return;
    to = task_ctx_of(heir);
    if (to && to->clock == tc->clock) {
        u64 advance = tc->clock_at > to->clock_at ? tc->clock_at - to->clock_at : 0;
        s64 now_has = to->asleep ? rl_lag_after_sleep(to->lag, advance, to->flat) : to->lag;

        if (tc->lag < now_has) {
            to->lag = tc->lag;
            if (to->asleep)
                to->clock_at = tc->clock_at;
        }
    }
    bpf_task_release(heir);
}

#endif
