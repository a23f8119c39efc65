#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CPU limits of control groups: cpu.max with quota, period and burst, nested, older than the scheduler
# and changed under it, and so small that the kernel's watchdog would see its tasks wait.
# vm cpus: 4
# vm timeout: 150
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

CGROUP=/sys/fs/cgroup

# group NAME [CPU.MAX [BURST_US]]
group() {
    mkdir "$CGROUP/$1" || fail "cannot make cgroup $1"
    [ $# -lt 2 ] || echo "$2" >"$CGROUP/$1/cpu.max" || fail "cannot limit cgroup $1"
    [ $# -lt 3 ] || echo "$3" >"$CGROUP/$1/cpu.max.burst" || fail "cannot set the burst of cgroup $1"
}
# spin_in NAME NUMBER: tasks that never sleep
spin_in() {
    local i
    for ((i = 0; i < $2; i++)); do
        sh -c "echo \$\$ >$CGROUP/$1/cgroup.procs; while :; do :; done" &
        SPINNERS+=($!)
    done
    wait_for 10 "$2 tasks are in cgroup $1" has_tasks "$1" "$2"
}
has_tasks() { [ "$(wc -l <"$CGROUP/$1/cgroup.procs")" -eq "$2" ]; }

usage_us() { sed -n 's/^usage_usec //p' "$CGROUP/$1/cpu.stat"; }

# measure SECONDS NAME…: sets PERMILLE[NAME] to the CPU time of each cgroup, 1000 is one CPU
declare -A PERMILLE
measure() {
    local seconds=$1 name start
    local -A before
    shift
    start=$(now_ms)
    for name in "$@"; do before[$name]=$(usage_us "$name"); done
    sleep "$seconds"
    for name in "$@"; do
        PERMILLE[$name]=$((($(usage_us "$name") - ${before[$name]}) / ($(now_ms) - start)))
    done
}
# assert_permille WHAT NAME LOW HIGH
assert_permille() {
    local is=${PERMILLE[$2]}
    echo "$1: cgroup $2 has $is / 1000 of a CPU"
    { [ "$is" -ge "$3" ] && [ "$is" -le "$4" ]; } ||
        fail "$1: cgroup $2 has $is / 1000 of a CPU, not $3 to $4"
}

group old "50000 100000"
spin_in old 2
start_scheduler
measure 2 old
assert_permille "a limit that is older than the scheduler" old 470 530

echo "the limit changes while its tasks run"
echo "20000 100000" >$CGROUP/old/cpu.max
measure 2 old
assert_permille "20 %" old 180 220
echo "max 100000" >$CGROUP/old/cpu.max
sleep 0.2 # Tasks that are held back are looked at again after 0.1 s.
measure 1 old
assert_permille "none" old 1900 2010
echo "30000 20000" >$CGROUP/old/cpu.max
measure 2 old
assert_permille "150 %, in periods of 20 ms" old 1440 1560
echo "1000000 1000000" >$CGROUP/old/cpu.max
measure 3 old
assert_permille "100 %, in periods of a second" old 900 1100
stop_spinners

echo "nested, beside a group without a limit that wants all CPUs"
group outer "150000 100000"
echo +cpu >$CGROUP/outer/cgroup.subtree_control
group outer/inner "50000 100000"
group outer/other
group beside
spin_in outer/inner 2
spin_in outer/other 4
spin_in beside 4
measure 3 outer outer/inner beside
assert_permille "50 % within 150 %" outer/inner 440 530
assert_permille "150 %" outer 1410 1560
assert_permille "no limit" beside 2350 2610
stop_spinners

echo "10 % for processes that come and go, and sleep between"
group short "10000 100000"
for _ in 1 2 3 4 5 6; do
    sh -c "echo \$\$ >$CGROUP/short/cgroup.procs; while :; do sleep 0.0005; done" &
    SPINNERS+=($!)
done
measure 3 short
assert_permille "processes that come and go" short 60 115
stop_spinners

echo "what is not used is kept for a burst"
group plain "100000 1000000"
group burst "100000 1000000" 100000
for name in plain burst; do
    sh -c "echo \$\$ >$CGROUP/$name/cgroup.procs; sleep 3; while :; do :; done" &
    SPINNERS+=($!)
done
sleep 2.5
ahead=$(($(usage_us burst) - $(usage_us plain)))
sleep 2
more=$(($(usage_us burst) - $(usage_us plain) - ahead))
echo "the group with a burst of 100 ms used $more us more"
{ [ $more -ge 80000 ] && [ $more -le 120000 ]; } || fail "a burst of 100 ms was worth $more us"
stop_spinners

echo "1 ms a second for 100 tasks, for longer than the watchdog waits"
group little
spin_in little 100
# Not before: who moves itself there holds the lock of all cgroups, and may be held back with it when it
# wakes from waiting for another one.
echo "1000 1000000" >$CGROUP/little/cpu.max
sleep 5
measure 15 little
assert_permille "1 ms a second" little 0 4
assert_eq "state of sched_ext" enabled "$(scx_state)"
for pid in "${SPINNERS[@]}"; do
    [ -d "/proc/$pid" ] || fail "task $pid is gone"
done

echo "limited tasks that are killed die at once"
for round in 1 2 3; do
    [ $round -eq 1 ] || {
        echo "max 1000000" >$CGROUP/little/cpu.max
        spin_in little 100
        echo "1000 1000000" >$CGROUP/little/cpu.max
        sleep $round
    }
    start=$(now_ms)
    stop_spinners
    took=$(($(now_ms) - start))
    echo "100 of them are gone after $took ms"
    assert_le "time until 100 killed tasks are gone, ms" $took 1000
done

! grep -i "cpu\.max" "$SCHEDULER_LOG" || fail "a warning about limits that are enforced"
echo "a limit that lies too deep is told, although nobody has asked for the statistics"
deep=deep
group $deep
for _ in {1..16}; do
    echo +cpu >$CGROUP/$deep/cgroup.subtree_control
    deep=$deep/d
    group $deep
done
echo "10000 100000" >$CGROUP/$deep/cpu.max
spin_in $deep 1
wait_for 5 "a warning about the limit" grep -q "a CPU limit (cpu.max) that is not enforced" "$SCHEDULER_LOG"
stop_spinners

show_counters
[ "$(counter limit_periods)" -ge 50 ] || fail "counted $(counter limit_periods) periods"
[ "$(counter held_back)" -ge 100 ] || fail "counted $(counter held_back) tasks that were held back"
assert_eq "state of sched_ext" enabled "$(scx_state)"
assert_eq "limits_missed" 1 "$(counter limits_missed)"
wait_counters_agree
assert_clean
stop_scheduler
