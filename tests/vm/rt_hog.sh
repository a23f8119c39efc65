#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Real-time tasks that never sleep, under load. Tasks that may run elsewhere do so at once; those
# bound to a hogged CPU go on when the hog ends, and the scheduler stays: unless a hog comes at the very
# moment at which the scheduling thread carries decisions out on that CPU, inside of the kernel. The
# kernel does not move it then, so the scheduler leaves as it promises to; that may happen once here.
# vm cpus: 4
# vm timeout: 90
# vm allow-log: ^sched_ext: BPF scheduler "rustland" disabled \(unregistered from BPF\)
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# hog_for SECONDS CPU…: one SCHED_FIFO task of priority 50 on each; returns when they have ended.
# Sets LEAST to the CPU time that each of the other tasks got at least, in hundredths of a second.
hog_for() {
    local seconds=$1 cpu pid got hogs=() ticks=()
    shift
    for pid in "${SPINNERS[@]}"; do ticks[pid]=$(cpu_ticks "$pid"); done
    for cpu in "$@"; do
        timeout -s KILL "$seconds" chrt -f 50 taskset -c "$cpu" sh -c 'while :; do :; done' 2>/dev/null &
        hogs+=($!)
    done
    wait "${hogs[@]}"
    LEAST=999999
    for pid in "${SPINNERS[@]}"; do
        got=$(($(cpu_ticks "$pid") - ticks[pid]))
        [ $got -ge $LEAST ] || LEAST=$got
    done
    echo "CPU time of each other task with $# hogged: at least $LEAST ticks"
    read_beats
    scx_is enabled || left_by_itself "with hogs on $*" hog_for "$seconds" "$@"
}

# left_by_itself WHEN COMMAND…: once, it is as documented, and the command is tried again.
LEFT=
left_by_itself() {
    [ -z "$LEFT" ] || fail "the scheduler is gone again $1, after $LEFT"
    LEFT=$1
    echo "the scheduler has left $1"
    wait_scheduler_exit 10
    assert_eq "exit status" "$EXIT_SILENT" "$SCHEDULER_STATUS"
    assert_match "what it says" "user space did not decide" "$(cat "$SCHEDULER_LOG")"
    assert_le "longest wait before and after it left, us" "$LONGEST_US" 3500000
    start_scheduler
    shift
    "$@"
}

start_scheduler
for _ in 1 2 3 4 5 6; do spin_anywhere; done
start_beat --threads 4
wait_for 10 "tasks make progress" beats_at_least 20

hog_for 3 2
echo "longest wait with one hogged CPU: $LONGEST_US us"
assert_le "longest wait with one hogged CPU, us" "$LONGEST_US" 100000
# Six tasks on three CPUs for 3 s: half a CPU each, also for the one that the hog interrupted.
[ "$LEAST" -ge 100 ] || fail "a task got only $LEAST ticks beside one hogged CPU"

before=$BEATS
hog_for 3 1 2 3
echo "longest wait with all CPUs hogged but one: $LONGEST_US us"
assert_le "longest wait with one CPU left, us" "$LONGEST_US" 300000
[ "$LEAST" -ge 25 ] || fail "a task got only $LEAST ticks on the CPU that is left"
[ $((BEATS - before)) -ge 50 ] || fail "only $((BEATS - before)) beats in 3 s on the CPU that is left"
stop_beat

# The scheduling thread's turn comes on this CPU, too: it must not be stuck behind the hog.
start_beat --cpus 0,1,2,3
hog_for 3 0
echo "longest wait of a task bound to the hogged CPU: $LONGEST_US us"
assert_le "longest wait of a task bound to the hogged CPU, us" "$LONGEST_US" 3500000
before=$BEATS
wait_for 10 "tasks bound to the hogged CPU make progress after it" beats_at_least $((before + 20))
stop_beat
stop_spinners
stop_scheduler
