/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The groups that share the machine, as the kernel's own scheduler sees them: a task's group is
 * p->sched_task_group, a control group with the cpu controller or a session's autogroup, with its
 * weight in `shares` and its parents behind it. Tasks of the root group compete one by one with the
 * groups at the top.
 *
 * The table below holds, for each group that has members, the sum of the weights of what is active
 * in it: runnable tasks, and groups with something active in them. From that comes a task's flat
 * weight, its share of the whole machine (see fair_math.h). A change of weight needs no callback,
 * since `shares` is read each time.
 *
 * The kernel reuses the addresses of groups at once, and tells nobody when an autogroup is gone. So
 * a group is known by a number that is never used twice, and its row lives as long as a task that
 * has run in it, or a row below it, does.
 */
#ifndef RUSTLAND_GROUPS_BPF_H
#define RUSTLAND_GROUPS_BPF_H

#include "fair_math.h"
#include "limit.bpf.h"

/* Levels below the root that have rows of their own. What lies deeper counts as part of its
 * ancestor at this depth: it shares with that one's other members and escapes nothing. */
#define GROUP_DEPTH 16
/* Levels that the search for that ancestor goes up. */
#define GROUP_CLIMB 4096
#define MAX_GROUPS 65536
/* For so long a flat weight that has been computed is used. */
#define FLAT_FRESH_NS 1000000ULL
#define AUTOGROUP_BIT (1ULL << 63)
#define NO_GROUP 0ULL /* the root group */

struct group {
    u64 parent; /* its number, NO_GROUP at the top */
    u64 weight; /* among its siblings; 1024 is cpu.weight 100 */
    s64 active; /* sum of the weights of what is active in it */
    u64 flat;   /* of all its tasks together, as of flat_at */
    u64 flat_at;
    s32 nr_active;
    s32 members; /* tasks, and rows of groups below it */
    struct limit limit;
    u32 limited; /* it or a group above it has a limit, as of flat_at */
    s32 let_go;  /* what is active in it, with those that were let go at let_go_at */
    u64 let_go_at;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, MAX_GROUPS);
    __type(key, u64);
    __type(value, struct group);
} groups SEC(".maps");

static __always_inline struct group* group_of(u64 number) {
    return number == NO_GROUP ? NULL : bpf_map_lookup_elem(&groups, &number);
}

static __always_inline bool is_root_group(struct task_group* tg) { return !tg || !tg->parent; }

static __always_inline struct task_group* task_group_of(struct task_struct* p) {
    return bpf_core_field_exists(p->sched_task_group) ? READ_ONLY(p)->sched_task_group : NULL;
}

static __always_inline u64 group_number(struct task_group* tg) {
    if (is_root_group(tg))
        return NO_GROUP;
    if (bpf_core_field_exists(tg->autogroup)) {
        struct autogroup* session = tg->autogroup;

        if (session)
            return AUTOGROUP_BIT | session->id;
    }
    return tg->css.serial_nr;
}

/* cpu.weight in both its forms, cpu.idle and a session's nice value all end in `shares`. */
static __always_inline u64 group_weight(struct task_group* tg) {
    u64 weight = 1024;

    if (bpf_core_field_exists(tg->shares))
        weight = tg->shares >> 10;
    else if (bpf_core_field_exists(tg->scx.weight))
        weight = (u64)tg->scx.weight * 1024 / 100;
    return weight ? weight : 1;
}

/* Levels between p's group and the root. */
VERIFIED_ALONE int group_depth(struct task_struct* p __arg_trusted) {
    struct task_group* tg = task_group_of(p);
    int depth = 0, i;

    bpf_for(i, 0, GROUP_CLIMB) {
        if (is_root_group(tg))
            break;
        tg = tg->parent;
        depth++;
    }
    return depth;
}

/* The group that stands for p's: itself, or its ancestor where it lies too deep. */
static __always_inline struct task_group* group_within_reach(struct task_struct* p) {
    struct task_group* tg = task_group_of(p);
    int depth = group_depth(p), i;

    if (depth <= GROUP_DEPTH)
        return tg;
    bpf_for(i, 0, GROUP_CLIMB) {
        if (i >= depth - GROUP_DEPTH || is_root_group(tg))
            break;
        if (limit_quota(tg) != NO_QUOTA)
            limit_missed();
        tg = tg->parent;
    }
    return tg;
}

enum { ROW_LOST = 0, ROW_MADE = 1, ROW_FOUND = 2 };

/* One more member in a group's row, which is made if there is none. */
VERIFIED_ALONE int group_join_row(u64 number, u64 parent, u64 weight) {
    struct group row = {.parent = parent, .weight = weight, .members = 1};
    struct group* found = group_of(number);

    if (!found) {
        if (!bpf_map_update_elem(&groups, &number, &row, BPF_NOEXIST))
            return ROW_MADE;
        found = group_of(number); /* another CPU may just have made it */
    }
    if (!found) {
        count(groups_lost);
        return ROW_LOST;
    }
    __sync_fetch_and_add(&found->members, 1);
    return ROW_FOUND;
}

/* One more member of the group that p is in; makes the rows that are missing up to the top. Returns
 * the number of the nearest group that has a row: another than its own if the table is full. */
VERIFIED_ALONE u64 group_join(struct task_struct* p __arg_trusted) {
    struct task_group* tg = group_within_reach(p);
    u64 joined = NO_GROUP, number;
    int i, row;

    bpf_for(i, 0, GROUP_DEPTH) {
        if (is_root_group(tg))
            break;
        number = group_number(tg);
        row = group_join_row(number, group_number(tg->parent), group_weight(tg));
        if (row != ROW_LOST && joined == NO_GROUP)
            joined = number;
        if (row == ROW_FOUND)
            break;
        tg = tg->parent;
    }
    return joined;
}

/* One member less; the last one takes the row away, and is one member less of the group above. */
VERIFIED_ALONE int group_leave(u64 number) {
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);
        u64 parent;

        if (!g)
            break;
        parent = g->parent;
        if (__sync_fetch_and_add(&g->members, -1) != 1)
            break;
        bpf_map_delete_elem(&groups, &number);
        number = parent;
    }
    return 0;
}

/* Something of this weight becomes active in the group, or stops being so with a negative weight
 * and step -1; a group that it makes active, or the opposite, is the same for the group above. */
VERIFIED_ALONE int group_activate(u64 number, s64 weight, s32 step) {
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        struct group* g = group_of(number);
        s32 before;

        if (!g)
            break;
        __sync_fetch_and_add(&g->active, weight);
        before = __sync_fetch_and_add(&g->nr_active, step);
        if (before + (step < 0 ? step : 0) != 0)
            break;
        weight = step < 0 ? -(s64)g->weight : (s64)g->weight;
        number = g->parent;
    }
    return 0;
}

/* Takes a changed weight over, also into the sum of the group above. */
static __always_inline void group_reweigh(struct group* g, struct group* above, u64 weight) {
    u64 old = __sync_lock_test_and_set(&g->weight, weight);

    if (above && g->nr_active > 0)
        __sync_fetch_and_add(&above->active, (s64)(weight - old));
}

/* The group's limit is this now. */
VERIFIED_ALONE int group_limit(u64 number, u64 quota, u64 period, u64 burst) {
    struct group* g = group_of(number);

    if (g)
        limit_change(&g->limit, quota, period, burst);
    else if (quota != NO_QUOTA)
        limit_missed();
    return 0;
}

/* Takes over the limits of p's group and of those above it; not 0 if there is one. Without a branch
 * for that, since the verifier would follow two ways from each level on. */
VERIFIED_ALONE u64 group_limits(struct task_struct* p __arg_trusted) {
    struct task_group* tg = group_within_reach(p);
    u64 limited = 0;
    int i;

    bpf_for(i, 0, GROUP_DEPTH) {
        u64 quota;

        if (is_root_group(tg))
            break;
        quota = limit_quota(tg);
        limited |= quota - NO_QUOTA;
        if ((quota - NO_QUOTA) | limits_in_use)
            group_limit(group_number(tg), quota, limit_period(tg), limit_burst(tg));
        tg = tg->parent;
    }
    return limited;
}

#define FRACTION_SHIFT 30

/*
 * One level of group_flat(): the fraction of the machine that a member of the group with this
 * number has, given the member's weight (0: it is the group itself that is asked about) and
 * `fraction`, which the asking task has of that member. `below` is the member's own number if the
 * group's sum counts it. Returns 0 if the group has no row.
 */
VERIFIED_ALONE u64 group_part(u64 number, u64 below, u64 weight, u64 fraction) {
    struct group *g = group_of(number), *member = group_of(below);
    u64 active;

    if (!g)
        return 0;
    if (!weight)
        return fraction;
    if (member && member->weight != weight)
        group_reweigh(member, g, weight);
    active = g->active > 0 ? (u64)g->active : 0;
    if (!member || active < weight)
        active += weight;
    fraction = fraction * weight / active;
    return fraction ? fraction : 1;
}

/*
 * The weight of all tasks in p's group together among all tasks of the machine. Goes up level by
 * level. A level without a row, because the table was full, is passed over, so that what lies below
 * shares with the members of the next one.
 */
VERIFIED_ALONE u64 group_flat(struct task_struct* p __arg_trusted) {
    struct task_group* tg = group_within_reach(p);
    u64 fraction = 1ULL << FRACTION_SHIFT, weight = 0, below = NO_GROUP;
    struct group* top;
    int i;

    bpf_for(i, 0, GROUP_DEPTH + 1) {
        u64 number, own, part;

        if (is_root_group(tg))
            break;
        number = group_number(tg);
        own = group_weight(tg);
        tg = tg->parent;
        part = group_part(number, below, weight, fraction);
        below = part ? number : NO_GROUP;
        if (!part)
            continue;
        fraction = part;
        weight = own;
    }
    top = group_of(below);
    if (top && top->weight != weight)
        group_reweigh(top, NULL, weight);
    return (fraction * (weight ? weight : 1024)) >> (FRACTION_SHIFT - RL_FLAT_SHIFT);
}

/* A task's own weight, as the kernel's own scheduler weighs nice values and policies. */
static __always_inline u64 own_weight(const struct task_struct* p, u32 class) {
    u32 index = (u32)(p->static_prio - MAX_RT_PRIO);
    u64 weight = 1024;

    if (p->policy == SCHED_IDLE)
        weight = WEIGHT_SCHED_IDLE;
    else if (index < RL_NICE_WIDTH)
        weight = config.nice_weight[index];
    if (class == RL_CLASS_BACKGROUND)
        weight /= RL_BACKGROUND_DIVISOR;
    return weight ? weight : 1;
}

/* The flat weight of p, which has joined a group. */
static __always_inline u64 flat_weight(struct task_ctx* tc) {
    struct group* g = group_of(tc->group);
    u64 own = tc->own_weight ? tc->own_weight : 1024, active;

    if (!g || !g->flat) {
        tc->group_seen = 0; /* if its row is gone, it joins anew when it next becomes runnable */
        tc->limited = 0;
        return own << RL_FLAT_SHIFT;
    }
    tc->limited = g->limited;
    active = g->active > (s64)own ? (u64)g->active : own;
    return own * g->flat / active;
}

/* Brings what flat_weight() reads up to date: when a task becomes runnable, and at each tick. Not
 * wherever it is read, since the verifier would go through all levels in each of those programs,
 * which made loading take a second. */
static __always_inline void group_refresh(struct task_struct* p, struct task_ctx* tc, u64 now) {
    struct group* g = group_of(tc->group);

    if (!g || !older_than(g->flat_at, now, FLAT_FRESH_NS))
        return;
    g->flat = group_flat(p);
    g->limited = group_limits(p) != 0;
    g->flat_at = now;
}

/* Called whenever p becomes runnable: its group may be another one than last time. */
static __always_inline void group_follow(struct task_struct* p, struct task_ctx* tc) {
    struct task_group* tg = task_group_of(p);
    u64 before = tc->group;

    if (tc->group_seen == (u64)tg)
        return;
    tc->group_seen = (u64)tg;
    tc->group = is_root_group(tg) ? NO_GROUP : group_join(p);
    if (before != NO_GROUP)
        group_leave(before);
}

static __always_inline void group_runnable(struct task_struct* p, struct task_ctx* tc, u32 class,
                                           u64 now) {
    if (tc->active_weight) /* has been told already */
        return;
    group_follow(p, tc);
    tc->own_weight = own_weight(p, class);
    tc->active_weight = tc->own_weight;
    if (tc->group != NO_GROUP)
        group_activate(tc->group, tc->active_weight, 1);
    group_refresh(p, tc, now);
}

/* p, which group_quiescent() was called for, is active once more, in the group that it was in. */
static __always_inline void group_active_again(struct task_ctx* tc) {
    tc->active_weight = tc->own_weight;
    if (tc->group != NO_GROUP)
        group_activate(tc->group, tc->active_weight, 1);
}

static __always_inline void group_quiescent(struct task_ctx* tc) {
    if (!tc->active_weight)
        return;
    if (tc->group != NO_GROUP)
        group_activate(tc->group, -(s64)tc->active_weight, -1);
    tc->active_weight = 0;
}

/* p leaves our class. */
static __always_inline void group_gone(struct task_ctx* tc) {
    u64 number = tc->group;

    group_quiescent(tc);
    tc->group = NO_GROUP;
    tc->group_seen = 0;
    if (number != NO_GROUP)
        group_leave(number);
}

#endif
