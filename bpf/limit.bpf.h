/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU limit of one group (cpu.max): what it is, and what of it is left. A limit is read where
 * the kernel's own scheduler keeps it, whenever a group's flat weight is computed: so one that is
 * older than the scheduler, or has just changed, needs no callback, which 6.16 does not have.
 */
#ifndef RUSTLAND_LIMIT_BPF_H
#define RUSTLAND_LIMIT_BPF_H

#include "limit_math.h"
#include "state.bpf.h"

#define NO_QUOTA (~0ULL) /* as the kernel writes it */

/* Times in ns; see limit_math.h. */
struct limit {
    u64 quota; /* 0: no limit */
    u64 period;
    u64 burst;
    s64 budget;
    u64 end;
};

/* Whether there has been a limit since attach: where there is none, nobody looks further. */
u32 limits_in_use;

/* One record, when there is a limit that is not enforced. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} limits_ring SEC(".maps");

VERIFIED_ALONE int limit_missed(void) {
    struct rl_control* c = the_control();
    u32* news;

    if (!c || c->limits_missed || __sync_lock_test_and_set(&c->limits_missed, 1))
        return 0;
    news = bpf_ringbuf_reserve(&limits_ring, sizeof(*news), 0);
    if (news) {
        *news = 1;
        bpf_ringbuf_submit(news, BPF_RB_FORCE_WAKEUP);
    }
    return 0;
}

static __always_inline bool limits_readable(void) {
    struct task_group* tg = NULL;

    return bpf_core_field_exists(tg->cfs_bandwidth.quota) ||
           bpf_core_field_exists(tg->scx.bw_quota_us);
}

/* NO_QUOTA: no limit. */
static __always_inline u64 limit_quota(struct task_group* tg) {
    if (bpf_core_field_exists(tg->cfs_bandwidth.quota))
        return tg->cfs_bandwidth.quota;
    if (bpf_core_field_exists(tg->scx.bw_quota_us) && tg->scx.bw_quota_us != NO_QUOTA)
        return tg->scx.bw_quota_us * 1000;
    return NO_QUOTA;
}

static __always_inline u64 limit_period(struct task_group* tg) {
    if (bpf_core_field_exists(tg->cfs_bandwidth.period))
        return tg->cfs_bandwidth.period;
    return bpf_core_field_exists(tg->scx.bw_period_us) ? tg->scx.bw_period_us * 1000 : 0;
}

static __always_inline u64 limit_burst(struct task_group* tg) {
    if (bpf_core_field_exists(tg->cfs_bandwidth.burst))
        return tg->cfs_bandwidth.burst;
    return bpf_core_field_exists(tg->scx.bw_burst_us) ? tg->scx.bw_burst_us * 1000 : 0;
}

/* Takes over what the limit is now. */
static __always_inline void limit_change(struct limit* limit, u64 quota, u64 period, u64 burst) {
    u64 old = limit->quota;
    s64 budget = limit->budget;

    if (quota == NO_QUOTA) {
        limit->quota = 0;
        return;
    }
    if (quota == old && period == limit->period && burst == limit->burst)
        return;
    limits_in_use = 1;
    limit->burst = burst;
    if (!old || period != limit->period) {
        limit->period = period;
        limit->end = now_ns() + period;
    }
    if (!old)
        limit->budget = (s64)quota;
    /* Two CPUs may see the change at the same time: one of them gives the difference. */
    if (__sync_val_compare_and_swap(&limit->quota, old, quota) == old && old)
        __sync_fetch_and_add(&limit->budget, rl_limit_changed(budget, old, quota, burst) - budget);
}

/* What is left of the budget, after the quotas that have come meanwhile. */
static __always_inline s64 limit_budget(struct limit* limit, u64 now) {
    u64 end = limit->end, periods = rl_limit_periods(end, now, limit->period);
    s64 budget = limit->budget;

    /* One CPU adds them. What others charge at the same time stays charged. */
    if (periods &&
        __sync_val_compare_and_swap(&limit->end, end, end + periods * limit->period) == end)
        __sync_fetch_and_add(
            &limit->budget,
            rl_limit_refilled(budget, periods, limit->quota, limit->burst, limit->period) - budget);
    return limit->budget;
}

#endif
