/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which class a task is in. User space names processes and cgroups; a task belongs to the class of
 * its process, else of the nearest ancestor that has one, else of the process that it was forked
 * under (which may have lost it to a reaper since), else of the nearest cgroup. It looks these up
 * when it is next enqueued after a change, and children inherit what their parent has, so that
 * nothing is searched while nothing changes. A class with RL_CLASS_ALONE is that of its process and
 * of nobody else: half of a desktop may descend from a compositor.
 */
#ifndef RUSTLAND_CLASS_BPF_H
#define RUSTLAND_CLASS_BPF_H

#include "cgroup.bpf.h"
#include "groups.bpf.h"

#define ANCESTORS 16
/* In place of the process that a class comes from: nobody inherits it. */
#define ALONE (-1)

/* enum rl_class by process, perhaps with RL_CLASS_ALONE. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, RL_MAX_CLASSED_PROCESSES);
    __type(key, s32);
    __type(value, u32);
} process_classes SEC(".maps");

/* enum rl_class by cgroup id. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, RL_MAX_CLASSED_CGROUPS);
    __type(key, u64);
    __type(value, u32);
} cgroup_classes SEC(".maps");

static u32* class_by_ancestor(struct task_struct* p, s32* root) {
    struct task_struct* at = p;
    s32 tgid;
    u32* class;
    int i;

    bpf_for(i, 0, ANCESTORS) {
        tgid = BPF_CORE_READ(at, tgid);
        if (tgid <= 1)
            break;
        class = bpf_map_lookup_elem(&process_classes, &tgid);
        if (class && !(*class & RL_CLASS_ALONE)) {
            *root = tgid;
            return class;
        }
        if (class && tgid == p->tgid) {
            *root = ALONE;
            return class;
        }
        at = BPF_CORE_READ(at, real_parent);
        if (!at)
            break;
    }
    return NULL;
}

static u32* class_by_cgroup(u64 cgroup_id) {
    u64 id = cgroup_id;
    u32* class;
    int level;

    bpf_for(level, 0, CGROUP_DEPTH) {
        u64* above;

        class = bpf_map_lookup_elem(&cgroup_classes, &id);
        if (class)
            return class;
        above = bpf_map_lookup_elem(&cgroup_parents, &id);
        if (!above)
            break;
        id = *above;
    }
    return NULL;
}

/* Looks a task's class up. */
VERIFIED_ALONE u32 class_look_up(struct task_struct* p __arg_trusted) {
    struct rl_control* c = the_control();
    struct task_ctx* tc = task_ctx_of(p);
    u32* class, now_in;
    s32 root;

    if (!c || !tc)
        return RL_CLASS_NORMAL;
    root = tc->class_root;
    tc->class_generation = c->class_generation;
    tc->class_root = 0;
    class = class_by_ancestor(p, &tc->class_root);
    if (!class && root > 0) {
        class = bpf_map_lookup_elem(&process_classes, &root);
        if (class && (*class & RL_CLASS_ALONE))
            class = NULL;
        if (class)
            tc->class_root = root;
    }
    if (!class)
        class = class_by_cgroup(tc->cgroup_id);
    now_in = class ? *class & ~RL_CLASS_ALONE : RL_CLASS_NORMAL;
    /* What was said about the task was said about one of its old class: ask again. */
    if (now_in != tc->task_class)
        tc->key = tc->decided_key = tc->granted = tc->decision_flags = tc->stands_until = 0;
    tc->task_class = now_in;
    return now_in;
}

static __always_inline u32 class_of(struct task_struct* p, struct task_ctx* tc) {
    struct rl_control* c = the_control();

    if (!c || tc->class_generation == c->class_generation)
        return tc->task_class;
    return class_look_up(p);
}

/* A new task starts in the class of the one that forked it, or looks for its own. */
static __always_inline void class_inherit(struct task_ctx* child) {
    struct task_struct* parent = (void*)bpf_get_current_task_btf();
    struct task_ctx* tc = task_ctx_of(parent);

    if (!tc)
        return;
    child->task_class = class_of(parent, tc);
    if (tc->class_root == ALONE) {
        child->task_class = RL_CLASS_NORMAL;
        return;
    }
    child->class_generation = tc->class_generation;
    child->class_root = tc->class_root;
}

/* Only what user space was asked about at least once is known there. */
static __always_inline void report_exit(struct task_struct* p) {
    struct task_ctx* tc = task_ctx_of(p);
    struct rl_exited* rec;

    if (!tc || !tc->enqueued_at)
        return;
    rec = bpf_ringbuf_reserve(&exited_ring, sizeof(*rec), 0);
    if (!rec) {
        count(exits_lost);
        return;
    }
    rec->pid = p->pid;
    rec->reserved = 0;
    bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

/* The process is gone: whoever gets its PID next is somebody else. */
SEC("struct_ops/exit_task")
void BPF_PROG(rl_exit_task, struct task_struct* p, struct scx_exit_task_args* args) {
    struct rl_control* c = the_control();
    s32 tgid = p->tgid;

    struct task_ctx* tc = task_ctx_of(p);

    if (tc)
        group_gone(tc);
    if (config.report_exits)
        report_exit(p);
    if (c && c->class_generation && p->pid == tgid)
        bpf_map_delete_elem(&process_classes, &tgid);
}

#endif
