/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of CPU limits (cpu.max). Pure functions that the BPF program and the unit tests
 * share. docs/scheduling.md explains them.
 *
 *   quota    CPU time that a group may use in each period, ns; 0: as much as it likes.
 *   burst    What it has not used of former quotas counts up to this much, ns.
 *   budget   What it may use now, ns. Below 0 it is a debt: what it has used beyond its budget,
 *            which the next quotas pay.
 *   end      When the present period ends and the next quota comes.
 *
 * The BPF machine has no signed division: only non-negative numbers are divided here.
 */
#ifndef RUSTLAND_LIMIT_MATH_H
#define RUSTLAND_LIMIT_MATH_H

#ifndef RUSTLAND_SCX_TYPES_H
#include <linux/types.h>
#endif

/* The longest debt: a group has a budget again after so long at the latest. */
#define RL_LIMIT_DEBT_MAX_NS 10000000000ULL
/* Quotas above are treated as this much where a debt is cut, so that no product overflows. */
#define RL_LIMIT_QUOTA_MAX_NS (1ULL << 40)
/* The shortest slice that is worth a switch of tasks, even if the budget is smaller. */
#define RL_LIMIT_SLICE_MIN_NS 100000ULL
/* What one task is expected to use of a budget that is divided among those that are let go. */
#define RL_LIMIT_TURN_NS 1000000ULL

/* How many periods are over, of which one ends at `end`. */
static inline __u64 rl_limit_periods(__u64 end, __u64 now, __u64 period) {
    return now < end || !period ? 0 : (now - end) / period + 1;
}

static inline __s64 rl_limit_debt_max(__u64 quota, __u64 period) {
    if (quota > RL_LIMIT_QUOTA_MAX_NS)
        quota = RL_LIMIT_QUOTA_MAX_NS;
    return (__s64)(quota * (RL_LIMIT_DEBT_MAX_NS / (period ? period : 1)));
}

/* The budget after so many quotas more. */
static inline __s64 rl_limit_refilled(__s64 budget, __u64 periods, __u64 quota, __u64 burst,
                                      __u64 period) {
    const __s64 most = (__s64)(quota + burst), debt_max = rl_limit_debt_max(quota, period);

    if (!periods)
        return budget;
    if (budget < -debt_max)
        budget = -debt_max;
    if (budget >= most || (__u64)(most - budget) / (quota ? quota : 1) < periods)
        return most;
    return budget + (__s64)(periods * quota);
}

/* When a group has a budget again, if nothing more is used; 0: it has one. */
static inline __u64 rl_limit_release(__s64 budget, __u64 end, __u64 quota, __u64 period) {
    const __s64 debt_max = rl_limit_debt_max(quota, period);

    if (budget > 0)
        return 0;
    if (budget < -debt_max)
        budget = -debt_max;
    return end + (__u64)-budget / (quota ? quota : 1) * period;
}

/* The budget when the limit changes: more is there at once, less is cut, and a debt stays. */
static inline __s64 rl_limit_changed(__s64 budget, __u64 old_quota, __u64 quota, __u64 burst) {
    const __s64 most = (__s64)(quota + burst);

    if (quota > old_quota)
        budget += (__s64)(quota - old_quota);
    return budget > most ? most : budget;
}

/* How long a task may run when so many may use the same budget at a time. */
static inline __u64 rl_limit_slice(__u64 budget, __u64 sharers, __u64 slice) {
    __u64 part = budget / (sharers ? sharers : 1);

    if (part < RL_LIMIT_SLICE_MIN_NS)
        part = RL_LIMIT_SLICE_MIN_NS;
    return part < slice ? part : slice;
}

/* Whether one more task is let go while so many of the group already run or wait for a CPU. All at
 * once would only have to be stopped again. */
static inline int rl_limit_has_turn(__u64 budget, __u64 active) {
    return budget > active * RL_LIMIT_TURN_NS;
}

#endif
