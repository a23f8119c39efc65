/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of fair shares. Pure functions that the BPF program, the simulated machine of the
 * tests and the unit tests share, so that there is one definition of each formula.
 *
 * Terms (docs/scheduling.md derives them):
 *
 *   service   CPU time in ns.
 *   flat      A task's weight among all tasks of the machine, with its groups taken into account:
 *             its own weight times, for each group above it, the group's weight divided by the sum
 *             of the weights of what is active in it. RL_FLAT_ONE is a task of nice 0 in no group.
 *   clock     Virtual time. A task deserves (clock's advance) * flat / RL_FLAT_ONE of service.
 *   lag       What a task deserved minus what it got, in ns of service. Negative: it is in debt.
 *   request   How much service a task wants at a time, ns. A shorter request comes earlier and
 *             leaves the share as it is.
 *   pace      How fast the clock goes: virtual ns for each ns of real time, times RL_PACE_ONE.
 *   stretch   Real time that passes while a task deserves one ns of service, times RL_STRETCH_ONE.
 *
 * The BPF machine has no signed division: only non-negative numbers are divided here.
 */
#ifndef RUSTLAND_FAIR_MATH_H
#define RUSTLAND_FAIR_MATH_H

#ifndef RUSTLAND_SCX_TYPES_H
#include <linux/types.h>
#endif

#define RL_FLAT_SHIFT 16
#define RL_FLAT_ONE (1024ULL << RL_FLAT_SHIFT)
#define RL_PACE_ONE 1024ULL
#define RL_STRETCH_ONE 1024ULL
#define RL_STRETCH_MAX (1024ULL * 1024ULL)

/* The largest request, and that of a task whose bursts are not known yet. */
#define RL_REQUEST_MAX_NS 20000000LL
/* The smallest one that the largest request is cut to for a task that deserves very little. */
#define RL_REQUEST_MIN_NS 1000000LL
/* Bounds of a lag, in largest requests of the task. One that is preferred for its short request
 * stops being preferred once it is in debt by the difference, and can use up a slice more: the
 * lower bound leaves room for that. */
#define RL_LAG_MAX_REQUESTS 2
#define RL_LAG_MIN_REQUESTS 3
#define RL_LAG_MAX_NS (RL_LAG_MAX_REQUESTS * RL_REQUEST_MAX_NS)
#define RL_LAG_MIN_NS (-RL_LAG_MIN_REQUESTS * RL_REQUEST_MAX_NS)
/* No task is to wait for longer than about this because of the deadline alone. */
#define RL_WAIT_MAX_NS 300000000LL
/* What a CPU is interrupted for comes first there, unless something has been due for so long. By
 * its deadline alone another could take the place, which nobody interrupts any more. Less than what
 * the foreground comes before all others. */
#define RL_OWN_AHEAD_NS 100000000ULL
/* How often a CPU that has work looks into the queue of another last-level cache, and by how much a
 * task there must come before its own to be fetched: moving it costs what it has in its cache. */
#define RL_LLC_LOOK_NS 4000000LL
#define RL_LLC_MARGIN_NS 10000000LL
/* A clock's pace is measured over spans between these two; a longer one had no contention. */
#define RL_PACE_SPAN_MIN_NS 20000000ULL
#define RL_PACE_SPAN_MAX_NS 200000000ULL
/* The fastest pace. */
#define RL_PACE_MAX (1024 * RL_PACE_ONE)
/* The longest time between two turns of a task that says something of the pace. */
#define RL_ROUND_MAX_NS 4000000000ULL

/* Service as virtual time for a task of this weight. At most a second of service at once: more has
 * been used only by a task that had its CPU to itself. */
static inline __u64 rl_virtual(__u64 service_ns, __u64 flat) {
    if (service_ns > 1000000000ULL)
        service_ns = 1000000000ULL;
    return service_ns * RL_FLAT_ONE / (flat ? flat : 1);
}

/* What a task of this weight deserves while the clock advances; cut where no lag could hold it. */
static inline __s64 rl_deserved(__u64 advance, __u64 flat) {
    const __u64 most = (__u64)(RL_LAG_MAX_NS - RL_LAG_MIN_NS);

    if (advance >= rl_virtual(most, flat))
        return (__s64)most;
    return (__s64)(advance * (flat >> 4) / (RL_FLAT_ONE >> 4));
}

static inline __s64 rl_bounded_lag(__s64 lag, __s64 request_cap) {
    if (lag < -RL_LAG_MIN_REQUESTS * request_cap)
        return -RL_LAG_MIN_REQUESTS * request_cap;
    return lag > RL_LAG_MAX_REQUESTS * request_cap ? RL_LAG_MAX_REQUESTS * request_cap : lag;
}

/* The lag of a runnable task after it used this much service while the clock advanced. */
static inline __s64 rl_lag_after(__s64 lag, __u64 advance, __u64 flat, __u64 used_ns,
                                 __s64 request_cap) {
    if (used_ns > 1000000000ULL)
        used_ns = 1000000000ULL;
    return rl_bounded_lag(lag + rl_deserved(advance, flat) - (__s64)used_ns, request_cap);
}

/* The same after a sleep: a debt is paid off by waiting, credit does not grow. */
static inline __s64 rl_lag_after_sleep(__s64 lag, __u64 advance, __u64 flat) {
    if (lag >= 0)
        return lag;
    lag += rl_deserved(advance, flat);
    return lag > 0 ? 0 : lag;
}

static inline __u64 rl_stretch(__u64 flat, __u64 pace) {
    /* 64: a weight above RL_FLAT_ONE would leave too few digits. */
    __u64 stretch = (RL_FLAT_ONE * RL_STRETCH_ONE * 64) / (flat ? flat : 1);

    stretch = stretch * RL_PACE_ONE / (pace ? pace : 1) / 64;
    if (stretch < RL_STRETCH_ONE)
        return RL_STRETCH_ONE; /* nobody deserves more than one CPU */
    return stretch > RL_STRETCH_MAX ? RL_STRETCH_MAX : stretch;
}

/* The largest request that a task may have so that its deadline stays within RL_WAIT_MAX_NS even
 * with the greatest debt. */
static inline __s64 rl_request_cap(__u64 stretch) {
    __s64 cap = (__s64)((__u64)RL_WAIT_MAX_NS / (1 + RL_LAG_MIN_REQUESTS) * RL_STRETCH_ONE /
                        (stretch ? stretch : 1));

    return cap < RL_REQUEST_MIN_NS   ? RL_REQUEST_MIN_NS
           : cap > RL_REQUEST_MAX_NS ? RL_REQUEST_MAX_NS
                                     : cap;
}

/* When a task is to be done with its request, in ns from now: negative if it should be already. */
static inline __s64 rl_time_to_deadline(__s64 request, __s64 lag, __u64 stretch) {
    return ((request - lag) * (__s64)stretch) >> 10; /* RL_STRETCH_ONE */
}

/* Of a decision that holds for several wake-ups: when the task is due, in ns from now and before
 * the bias, by what its share says. Later times come nearer by `rate`. */
#define RL_RATE_ONE 1024U
/* None holds for longer than that, so that a user space that has died decides nothing any more. */
#define RL_VALID_FOR_MAX_NS 100000000LL
static inline __s64 rl_standing_due(__s64 ahead, __s64 due_min, __s64 due_max, __u32 rate) {
    if (ahead > due_max)
        ahead = due_max;
    if (ahead < due_min)
        ahead = due_min;
    return ahead > 0 ? (ahead * (__s64)rate) >> 10 : ahead; /* RL_RATE_ONE */
}

/* The key that belongs to it: what the task is owed brings its turn forward, but does not keep
 * others from interrupting it. */
static inline __s64 rl_standing_key(__s64 request, __u64 stretch, __s64 due, __u32 rate) {
    __s64 key = (rl_time_to_deadline(request, 0, stretch) * (__s64)rate) >> 10;

    return key > due ? key : due;
}

/* Whether a task that interrupts a CPU may take the place of those that are due there before it:
 * not with the head start of its short request used up, or who asks often for little would get more
 * than its share. */
static inline __u32 rl_may_come_first(__s64 request, __s64 lag, __s64 request_cap) {
    return lag + request_cap >= request;
}

/* Whether a burst was of another kind than the ones that the request was learned from. */
static inline __u32 rl_burst_is_off(__u64 burst, __s64 request) {
    return burst > 2 * (__u64)request || (request > 400000 && burst < (__u64)request / 4);
}

/* The deadline of a task for which nobody decides, in ns from now: `ahead` by its fair share, but
 * near enough that one that deserves next to nothing ages. At RL_WAIT_MAX_NS it comes first because
 * of its age, and START_AGED holds for it. */
static inline __s64 rl_aging_ahead(__s64 ahead) {
    return ahead > RL_WAIT_MAX_NS ? RL_WAIT_MAX_NS : ahead;
}

/* By how much the clock must advance when this task gets a CPU because it comes first: to where its
 * debt is worth what its short request is. All that wait are due later, so that they deserve it. */
static inline __u64 rl_clock_push(__s64 lag, __s64 request, __s64 request_cap, __u64 flat) {
    __s64 preferred = request_cap > request ? request_cap - request : 0;
    __s64 beyond = -(lag + preferred);

    return beyond > 0 ? rl_virtual((__u64)beyond, flat) : 0;
}

/*
 * What tasks got between one turn and the next tells the pace, too: those that compute without
 * sleeping and had to wait meanwhile. Their service divided by what they deserve while a clock goes
 * by one ns each ns is the pace that keeps step with them. One that did not have to wait says
 * nothing, because it used what it wanted.
 */
static inline __u32 rl_had_to_wait(__u64 used_ns, __u64 round_ns) {
    return round_ns <= RL_ROUND_MAX_NS && used_ns < round_ns - round_ns / 16;
}

/* Weight times real time, scaled so that the sum over a span of all tasks of a clock fits. */
static inline __u64 rl_weight_time(__u64 flat, __u64 round_ns) {
    return (flat >> 4) * (round_ns >> 10);
}

/* Twice the clock's own pace as long as no task has told another: where all of them have just begun
 * to compete, the pace is too slow, and they come first because they have aged. */
static inline __u64 rl_pace_of_service(__u64 used_ns, __u64 weight_time, __u64 pace) {
    if (!weight_time)
        return 2 * pace;
    /* FLAT_ONE * PACE_ONE / 2^14: what rl_weight_time took off. */
    pace = used_ns * (RL_FLAT_ONE * RL_PACE_ONE >> 14) / weight_time;
    return pace > RL_PACE_MAX ? RL_PACE_MAX : pace;
}

/* What is left of both sums for the next span: the mean is over the last few. */
static inline __u64 rl_remembered(__u64 sum) { return sum / 2; }

/* By how much a task that comes first because it has aged may push the clock, which advanced by
 * this much in this span: as far as the pace of the service goes. A task that deserves very little
 * would else make it jump. */
static inline __u64 rl_aged_push_limit(__u64 pace_of_service, __u64 span_ns, __u64 advanced) {
    __u64 most;

    if (span_ns > RL_PACE_SPAN_MAX_NS)
        span_ns = RL_PACE_SPAN_MAX_NS;
    most = span_ns * pace_of_service / RL_PACE_ONE;
    return most > advanced ? most - advanced : 0;
}

/* The pace after a span of real time in which the clock advanced by this much: the mean of the last
 * few spans. */
static inline __u64 rl_pace_after(__u64 pace, __u64 advance, __u64 span_ns) {
    __u64 now;

    if (advance > span_ns * (RL_PACE_MAX / RL_PACE_ONE))
        advance = span_ns * (RL_PACE_MAX / RL_PACE_ONE);
    now = advance * RL_PACE_ONE / (span_ns ? span_ns : 1);
    if (now < RL_PACE_ONE / 64)
        now = RL_PACE_ONE / 64;
    return (pace * 7 + now) / 8;
}

#endif
