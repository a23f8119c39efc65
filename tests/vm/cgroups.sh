#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Weights from nice and from cpu.weight, cpusets that change, and the class that --partial leaves out.
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

CGROUP=/sys/fs/cgroup

into() { echo "$2" >"$CGROUP/$1/cgroup.procs" || fail "cannot move task $2 to cgroup $1"; }

# measure SECONDS: sets TICKS to the CPU time of each spinner, in hundredths of a second
measure() {
    local pid at_start=()
    for pid in "${SPINNERS[@]}"; do at_start+=("$(cpu_ticks "$pid")"); done
    sleep "$1"
    TICKS=()
    for pid in "${SPINNERS[@]}"; do
        TICKS+=($(($(cpu_ticks "$pid") - ${at_start[${#TICKS[@]}]})))
    done
}

# assert_ratio WHAT A B LOW HIGH: B / A, in hundredths
assert_ratio() {
    [ "$2" -gt 0 ] || fail "$1: the first got nothing"
    local ratio=$(($3 * 100 / $2))
    echo "$1: $2 and $3 ticks, ratio $ratio / 100"
    { [ $ratio -ge "$4" ] && [ $ratio -le "$5" ]; } || fail "$1: the ratio is $ratio / 100"
}

start_scheduler

echo "cpu.weight 100 and 300, one task each on CPU 1"
mkdir $CGROUP/low $CGROUP/high
echo 300 >$CGROUP/high/cpu.weight
spin_on 1
spin_on 1
into low "${SPINNERS[0]}"
into high "${SPINNERS[1]}"
measure 5
assert_ratio "cpu.weight 100 : 300" "${TICKS[@]}" 240 360

echo "the weight changes while they run"
echo 100 >$CGROUP/high/cpu.weight
measure 4
assert_ratio "cpu.weight 100 : 100" "${TICKS[@]}" 80 125
stop_spinners

echo "nice 10 and nice 0 on CPU 1"
spin_on 1
spin_on 1
renice -n 10 -p "${SPINNERS[0]}"
measure 6
# The kernel's table: 110 and 1024. A useful minimum for the nice task is allowed.
assert_ratio "nice 10 : nice 0" "${TICKS[@]}" 500 1100
stop_spinners

echo "a cpuset that changes under its tasks"
mkdir $CGROUP/bound
echo 0 >$CGROUP/bound/cpuset.cpus
start_beat --threads 4
into bound "$BEAT_PID"
spin_anywhere
spin_anywhere
into bound "${SPINNERS[0]}"
for _ in {1..15}; do
    for cpus in 1 0-1 0; do
        echo $cpus >$CGROUP/bound/cpuset.cpus
        read_beats
        before=$BEATS
        wait_for 10 "tasks make progress on CPUs $cpus" beats_at_least $((before + 2))
    done
done
[[ $(taskset -pc "${SPINNERS[0]}") == *": 0" ]] || fail "affinity after the change of the cpuset"
for _ in {1..20}; do
    assert_eq "CPU of a task of the cpuset" 0 "$(last_cpu "${SPINNERS[0]}")"
    sleep 0.01
done
stop_beat
stop_spinners

assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters
stop_scheduler
