/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpu.weight of cgroups, flattened onto tasks: a task's weight is its nice weight times
 * cpu.weight / 100 of each cgroup above it. A weight of 100, the default, changes nothing; 200
 * doubles every task inside. (The kernel's own scheduler divides a group's share among its tasks;
 * here each task has the product.)
 */
#ifndef RUSTLAND_CGROUP_BPF_H
#define RUSTLAND_CGROUP_BPF_H

#include "state.bpf.h"

#define CGROUP_DEPTH 16
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000

struct cgroup_node {
    u64 parent; /* cgroup id, 0 above the root */
    u32 weight;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 65536);
    __type(key, u64);
    __type(value, struct cgroup_node);
} cgroups SEC(".maps");

/* Grows with each change of any weight, so that tasks know when to compute theirs again. */
u32 weight_generation = 1;

static __always_inline u32 clamp_weight(u64 weight) {
    if (weight < WEIGHT_MIN)
        return WEIGHT_MIN;
    return weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

static u32 flatten_weight(u64 cgroup_id, u32 nice_weight) {
    u64 weight = (u64)nice_weight << 16;
    u64 id = cgroup_id;
    int level;

    bpf_for(level, 0, CGROUP_DEPTH) {
        struct cgroup_node* node = bpf_map_lookup_elem(&cgroups, &id);

        if (!node)
            break;
        weight = weight * node->weight / 100;
        if (weight > (u64)WEIGHT_MAX << 16)
            weight = (u64)WEIGHT_MAX << 16;
        id = node->parent;
    }
    return clamp_weight(weight >> 16);
}

static __always_inline u32 weight_of(struct task_ctx* tc) {
    if (tc->weight_generation != weight_generation) {
        tc->weight_generation = weight_generation;
        tc->weight = flatten_weight(tc->cgroup_id, tc->nice_weight);
    }
    return tc->weight;
}

static __always_inline void cgroup_store(struct cgroup* cgrp, u32 weight) {
    u64 id = cgrp->kn->id;
    struct cgroup_node node = {.weight = weight};
    struct cgroup* parent;

    if (cgrp->level > 0) {
        parent = bpf_cgroup_ancestor(cgrp, cgrp->level - 1);
        if (parent) {
            node.parent = parent->kn->id;
            bpf_cgroup_release(parent);
        }
    }
    bpf_map_update_elem(&cgroups, &id, &node, BPF_ANY);
    __sync_fetch_and_add(&weight_generation, 1);
}

SEC("struct_ops/set_weight")
void BPF_PROG(rl_set_weight, struct task_struct* p, u32 weight) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        tc->nice_weight = weight;
        tc->weight_generation = 0;
    }
}

SEC("struct_ops.s/cgroup_init")
s32 BPF_PROG(rl_cgroup_init, struct cgroup* cgrp, struct scx_cgroup_init_args* args) {
    cgroup_store(cgrp, args->weight);
    return 0;
}

SEC("struct_ops.s/cgroup_exit")
void BPF_PROG(rl_cgroup_exit, struct cgroup* cgrp) {
    u64 id = cgrp->kn->id;

    bpf_map_delete_elem(&cgroups, &id);
}

SEC("struct_ops/cgroup_move")
void BPF_PROG(rl_cgroup_move, struct task_struct* p, struct cgroup* from, struct cgroup* to) {
    struct task_ctx* tc = task_ctx_of(p);

    if (tc) {
        tc->cgroup_id = to->kn->id;
        tc->weight_generation = 0;
        tc->class_generation = 0;
    }
}

SEC("struct_ops/cgroup_set_weight")
void BPF_PROG(rl_cgroup_set_weight, struct cgroup* cgrp, u32 weight) {
    u64 id = cgrp->kn->id;
    struct cgroup_node* node = bpf_map_lookup_elem(&cgroups, &id);

    if (node) {
        node->weight = weight;
        __sync_fetch_and_add(&weight_generation, 1);
    }
}

SEC("struct_ops/cgroup_set_bandwidth")
void BPF_PROG(rl_cgroup_set_bandwidth, struct cgroup* cgrp, u64 period_us, u64 quota_us,
              u64 burst_us) {
    struct rl_control* c = the_control();

    if (c && quota_us != ~0ULL)
        __sync_fetch_and_add(&c->cpu_max_set, 1);
}

#endif
