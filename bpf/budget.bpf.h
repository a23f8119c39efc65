/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the limits of a group and of all groups above it leave: CPU time is charged to each that has
 * one, and a task may run while none is used up.
 */
#ifndef RUSTLAND_BUDGET_BPF_H
#define RUSTLAND_BUDGET_BPF_H

#include "groups.bpf.h"

/* A task of this group has used that much. */
VERIFIED_ALONE int budget_charge(u64 number, u64 used) {
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);
        s64 before;

        if (!g)
            break;
        if (g->limit.quota) {
            before = __sync_fetch_and_add(&g->limit.budget, -(s64)used);
            if (before > 0 && before - (s64)used <= 0)
                count(limit_periods);
        }
        number = g->parent;
    }
    return 0;
}

/* The least that is left at any level; 0: nothing, ~0: there is no limit. */
VERIFIED_ALONE u64 budget_left(u64 number, u64 now) {
    u64 left = ~0ULL;
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);
        s64 budget;

        if (!g)
            break;
        if (g->limit.quota) {
            budget = limit_budget(&g->limit, now);
            if (budget <= 0)
                return 0;
            if ((u64)budget < left)
                left = (u64)budget;
        }
        number = g->parent;
    }
    return left;
}

/* Whether the debt at any level is larger than the quota there. */
VERIFIED_ALONE int budget_is_deep(u64 number) {
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);

        if (!g)
            break;
        if (g->limit.quota && g->limit.budget <= -(s64)g->limit.quota)
            return true;
        number = g->parent;
    }
    return false;
}

/* When there is something left again; 0: there is. */
VERIFIED_ALONE u64 budget_back_at(u64 number, u64 now) {
    u64 at = 0;
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);
        s64 budget;
        u64 back;

        if (!g)
            break;
        if (g->limit.quota) {
            budget = limit_budget(&g->limit, now);
            back = rl_limit_release(budget, g->limit.end, g->limit.quota, g->limit.period);
            if (back > at)
                at = back;
        }
        number = g->parent;
    }
    return at;
}

#endif
