/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long tasks wait: from becoming runnable (ops.select_cpu, ops.enqueue) to running, counted for
 * each class in buckets that double. Costs a plain store when a task is enqueued and two plain
 * additions when it runs; the clock has been read for other ends each time.
 *
 * A task that is enqueued anew before it has run still waits. One that a higher class interrupts is
 * put back by the kernel without ops.enqueue: that is no wait of ours.
 */
#ifndef RUSTLAND_WAITS_BPF_H
#define RUSTLAND_WAITS_BPF_H

#include "state.bpf.h"

/* One row a CPU; written with the run queue of that CPU locked. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, RL_MAX_CPUS);
    __type(key, u32);
    __type(value, struct rl_waits);
} waits SEC(".maps");

static __always_inline void wait_begins(struct task_ctx* tc, u64 now) {
    if (tc->slept_at) {
        tc->last_sleep = now - tc->slept_at;
        tc->slept_at = 0;
    }
    if (!tc->waits_since)
        tc->waits_since = now;
}

/* The bucket of a wait, see struct rl_waits. */
VERIFIED_ALONE u32 wait_bucket(u64 ns) {
    u64 us = ns / 1000;
    u32 bucket = 0, step;

    if (us >> RL_WAIT_BUCKETS)
        return RL_WAIT_BUCKETS - 1;
    for (step = 16; step > 0; step /= 2) {
        if (us >> step) {
            us >>= step;
            bucket += step;
        }
    }
    return bucket;
}

static __always_inline void wait_ends(struct task_ctx* tc, u32 class, u32 cpu, u64 now) {
    struct rl_waits* row;
    u64 ns = now - tc->waits_since;
    u32 bucket;

    if (!tc->waits_since)
        return;
    tc->waits_since = 0;
    row = bpf_map_lookup_elem(&waits, &cpu);
    if (!row || (s64)ns < 0)
        return;
    bucket = wait_bucket(ns);
    barrier_var(bucket); /* the verifier does not see the bounds that the compiler does */
    barrier_var(class);
    if (bucket >= RL_WAIT_BUCKETS || class >= RL_CLASSES)
        return;
    row->of[class].count[bucket]++;
    row->of[class].sum_ns += ns;
}

#endif
