/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the foreground calls for: a frame is seen when the compositor has shown it, and heard when
 * the sound server has mixed it, and neither is part of the game. So a task that a foreground task
 * wakes itself is marked, and the policy may have it come as early as the foreground. One step
 * only: what a marked task wakes is not marked. Nor is what an interrupt on top of a foreground
 * task wakes, since that is somebody else's event; where the kernel does not tell the two apart
 * (see in_interrupt), nothing is marked.
 */
#ifndef RUSTLAND_CALLED_BPF_H
#define RUSTLAND_CALLED_BPF_H

#include "class.bpf.h"

/* x86 only: other architectures keep it elsewhere. */
extern const int __preempt_count __ksym __weak;

/* NMI, hard interrupt, and a soft interrupt that is being served (include/linux/preempt.h). */
#define INTERRUPT_MASK 0x00ff0100

static __always_inline bool in_interrupt(void) {
    const int* count = NULL;

    if (bpf_ksym_exists(&__preempt_count))
        count = bpf_this_cpu_ptr(&__preempt_count);
    return !count || (*count & INTERRUPT_MASK);
}

/* The current task wakes p. */
static __always_inline void note_caller(struct task_struct* p) {
    struct task_struct* waker = (void*)bpf_get_current_task_btf();
    struct rl_control* c = the_control();
    struct task_ctx *from, *to;

    if (!c || !c->class_generation)
        return;
    from = task_ctx_of(waker);
    to = task_ctx_of(p);
    if (!from || !to || class_of(waker, from) != RL_CLASS_FOREGROUND)
        return;
    /* What serves the foreground is the one step that there is. */
    to->called = from->class_root != ALONE && class_of(p, to) == RL_CLASS_NORMAL && !in_interrupt();
}

#endif
