/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which cgroup lies in which, for the classes that are given to cgroups. Shares of CPU time do not
 * go by this table but by the kernel's own groups, see groups.bpf.h.
 */
#ifndef RUSTLAND_CGROUP_BPF_H
#define RUSTLAND_CGROUP_BPF_H

#include "limit.bpf.h"

#define CGROUP_DEPTH 16

/* Cgroup id -> id of the cgroup above it, 0 above the root. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, u64);
    __type(value, u64);
} cgroup_parents SEC(".maps");

static __always_inline u64 cgroup_number(struct cgroup* cgrp) { return READ_ONLY(cgrp)->kn->id; }

SEC("struct_ops.s/cgroup_init")
s32 BPF_PROG(rl_cgroup_init, struct cgroup* cgrp, struct scx_cgroup_init_args* args) {
    u64 id = cgroup_number(cgrp), above = 0;
    struct cgroup* parent;

    if (cgrp->level > 0) {
        parent = bpf_cgroup_ancestor(cgrp, cgrp->level - 1);
        if (parent) {
            above = cgroup_number(parent);
            bpf_cgroup_release(parent);
        }
    }
    bpf_map_update_elem(&cgroup_parents, &id, &above, BPF_ANY);
    return 0;
}

SEC("struct_ops.s/cgroup_exit")
void BPF_PROG(rl_cgroup_exit, struct cgroup* cgrp) {
    u64 id = cgroup_number(cgrp);

    bpf_map_delete_elem(&cgroup_parents, &id);
}

SEC("struct_ops/cgroup_move")
void BPF_PROG(rl_cgroup_move, struct task_struct* p, struct cgroup* from, struct cgroup* to) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        tc->cgroup_id = cgroup_number(to);
        tc->class_generation = 0;
        tc->stands_until = 0;
        tc->group_seen = 0; /* an address can come back as another group's */
    }
}

SEC("struct_ops/cgroup_set_bandwidth")
void BPF_PROG(rl_cgroup_set_bandwidth, struct cgroup* cgrp, u64 period_us, u64 quota_us,
              u64 burst_us) {
    if (quota_us != NO_QUOTA && !limits_readable())
        limit_missed();
}

#endif
