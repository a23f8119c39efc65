#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Real-time tasks that never sleep, under load. Tasks that may run elsewhere do; those bound to the
# hogged CPU wait for the hog.
# vm cpus: 4
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# rt_hog SECONDS CPU…: one SCHED_FIFO task of priority 50 on each
rt_hog() {
    local seconds=$1 cpu
    shift
    for cpu in "$@"; do
        timeout -s KILL "$seconds" chrt -f 50 taskset -c "$cpu" sh -c 'while :; do :; done' &
    done
}

start_scheduler
for _ in 1 2 3 4 5 6; do spin_anywhere; done

echo "a hog on one CPU, nobody bound to it"
start_beat --threads 4
wait_for 10 "tasks make progress" beats_at_least 20
rt_hog 3 2
sleep 3
read_beats
assert_eq "state of sched_ext" enabled "$(scx_state)"
assert_le "longest wait with one hogged CPU, us" "$LONGEST_US" 200000

echo "hogs on all CPUs but one"
rt_hog 3 1 2 3
sleep 3
read_beats
assert_eq "state of sched_ext" enabled "$(scx_state)"
stop_beat
stop_spinners
stop_scheduler
