#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The foreground comes first, with what descends from it and what is in its cgroup; the others keep
# a share.
# vm cpus: 2
# vm timeout: 240
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

CGROUP=/sys/fs/cgroup

# measure SECONDS PID…: sets TICKS to the CPU time of each, in hundredths of a second
measure() {
    local seconds=$1 pid at_start=()
    shift
    for pid in "$@"; do at_start+=("$(cpu_ticks "$pid")"); done
    sleep "$seconds"
    TICKS=()
    for pid in "$@"; do TICKS+=($(($(cpu_ticks "$pid") - ${at_start[${#TICKS[@]}]}))); done
}

# assert_first WHAT FIRST OTHER: FIRST has at least four times as much, OTHER more than nothing.
assert_first() {
    echo "$1: $2 and $3 ticks"
    [ "$2" -ge $(($3 * 4)) ] || fail "$1: $2 ticks against $3"
    [ "$3" -ge 10 ] || fail "$1: the other is starved: $3 ticks"
}

# A process that forks a spinner on CPU 1 at once, and another when it is told.
# shellcheck disable=SC2016 # for the inner shell
taskset -c 1 sh -c '
    spin() { while :; do :; done; }
    trap "spin & echo \$! >/tmp/second" USR1
    spin &
    echo $! >/tmp/first
    while :; do sleep 0.1; done' &
game=$!
wait_for 10 "the first spinner" test -s /tmp/first
first=$(cat /tmp/first)
spin_on 1
other=${SPINNERS[0]}

echo "a child that was there before"
start_scheduler --foreground-pid $game
measure 4 "$first" "$other"
assert_first "child of a foreground process : normal" "${TICKS[@]}"
[ "$(counter foreground)" -gt 0 ] || fail "no task in the foreground was counted"

echo "a child that was forked since"
kill -STOP "$first"
kill -USR1 $game
wait_for 10 "the second spinner" test -s /tmp/second
second=$(cat /tmp/second)
measure 4 "$second" "$other"
assert_first "new child of a foreground process : normal" "${TICKS[@]}"
kill -9 $game "$first" "$second"
stop_scheduler

echo "a cgroup"
mkdir $CGROUP/game
mkdir $CGROUP/game/inner
start_scheduler --foreground-cgroup /game
spin_on 1
echo "${SPINNERS[1]}" >$CGROUP/game/inner/cgroup.procs || fail "cannot move a task"
measure 4 "${SPINNERS[1]}" "$other"
assert_first "task of a foreground cgroup : normal" "${TICKS[@]}"
echo "${SPINNERS[1]}" >$CGROUP/cgroup.procs || fail "cannot move a task back"
measure 3 "${SPINNERS[1]}" "$other"
echo "moved out of it: ${TICKS[*]}"
[ "${TICKS[0]}" -le $((TICKS[1] * 2)) ] || fail "a task keeps the class of a cgroup that it left"
stop_spinners

assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters
assert_eq "tasks without our context" 0 "$(counter errors)"
stop_scheduler
