/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast the CPUs should run: what the frequency governor schedutil is told.
 *
 * Under sched_ext it takes the scheduler's word in place of its own measure of the load, and runs
 * every CPU at full speed while nothing is said. What is said, per CPU:
 *
 *   full speed     from the moment when a foreground task starts, until none has run for SPEED_HOLD
 *   full speed     if the CPU was busy for more than nine tenths of the last window
 *   busy * 1.25    else, the busy part of the window and a quarter more, as schedutil does;
 *                  at least half of what was said before, and a sixteenth of full speed
 *
 * The busy part is of the time at the present speed, not at full speed: a task that needs a share b
 * of a CPU at full speed ends at the speed sqrt(1.25 * b), where speed and busy part agree. That is
 * more than schedutil gives for all b below 0.8, and asks the hardware nothing.
 */
#ifndef RUSTLAND_SPEED_BPF_H
#define RUSTLAND_SPEED_BPF_H

#include "state.bpf.h"

#define SPEED_LEAST (RL_SPEED_FULL / 16)
#define SPEED_STEP (RL_SPEED_FULL / 32) /* a smaller change is not worth telling */
#define SPEED_WINDOW_NS 10000000ULL
#define SPEED_HOLD_NS 50000000ULL

/* Called with the run queue of `cpu` locked, as the kernel demands where any is. */
static __always_inline void speed_tell(struct cpu_ctx* cc, s32 cpu, u32 speed) {
    u32 change = cc->speed > speed ? cc->speed - speed : speed - cc->speed, key = cpu;
    struct rl_counters* shown;

    if (!change || (speed != RL_SPEED_FULL && change < SPEED_STEP))
        return;
    cc->speed = speed;
    count(speed_hints);
    shown = bpf_map_lookup_elem(&counters, &key);
    if (shown)
        shown->speed = speed;
    scx_bpf_cpuperf_set(cpu, speed);
}

/* A task starts on the CPU. */
static __always_inline void speed_running(struct cpu_ctx* cc, s32 cpu, u32 class, u64 now) {
    if (!config.cpufreq)
        return;
    cc->busy_from = now;
    if (class != RL_CLASS_FOREGROUND)
        return;
    cc->full_until = now + SPEED_HOLD_NS;
    speed_tell(cc, cpu, RL_SPEED_FULL);
}

/* The CPU has been busy until now; `goes_on`: and still is. */
static __always_inline void speed_account(struct cpu_ctx* cc, s32 cpu, u64 now, bool goes_on) {
    u64 length, speed;

    if (!config.cpufreq || !cc->busy_from)
        return;
    cc->busy += now - cc->busy_from;
    cc->busy_from = goes_on ? now : 0;
    if (!cc->window_since)
        cc->window_since = now;
    length = now - cc->window_since;
    if (length < SPEED_WINDOW_NS)
        return;
    if (now < cc->full_until || cc->busy * 10 > length * 9) {
        speed = RL_SPEED_FULL;
    } else {
        speed = cc->busy * (RL_SPEED_FULL + RL_SPEED_FULL / 4) / length;
        if (speed < cc->speed / 2)
            speed = cc->speed / 2;
        if (speed < SPEED_LEAST)
            speed = SPEED_LEAST;
        if (speed > RL_SPEED_FULL)
            speed = RL_SPEED_FULL;
    }
    cc->window_since = now;
    cc->busy = 0;
    speed_tell(cc, cpu, speed);
}

#endif
