#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The frequency governor hears of full speed where the foreground runs or a CPU has no rest, and of
# less where CPUs rest most of the time. The VM has no frequencies: this is about what is said.
# vm cpus: 4
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

speed() { counter speed | cut -d. -f1; }
speed_at_most() { [ "$(speed)" -le "$1" ]; }
speed_at_least() { [ "$(speed)" -ge "$1" ]; }

CGROUP=/sys/fs/cgroup
mkdir $CGROUP/game
start_scheduler --foreground-cgroup /game
start_beat --threads 4 --cpus 0,1,2,3
wait_for 10 "CPUs that rest are asked for less than half of their speed" speed_at_most 49

for cpu in 0 1 2 3; do spin_on $cpu; done
wait_for 10 "CPUs without rest are asked for full speed" speed_at_least 100
stop_spinners
wait_for 10 "they are asked for less than half when they rest again" speed_at_most 49
[ "$(counter speed_hints)" -gt 8 ] || fail "the governor was hardly ever told anything"

echo "$BEAT_PID" >$CGROUP/game/cgroup.procs || fail "cannot move a task"
wait_for 10 "CPUs where the foreground runs are asked for full speed" speed_at_least 100
echo "$BEAT_PID" >$CGROUP/cgroup.procs || fail "cannot move a task back"
wait_for 10 "they are asked for less than half without it" speed_at_most 49
stop_scheduler

start_scheduler --no-cpufreq
for cpu in 0 1 2 3; do spin_on $cpu; done
read_beats # from here on
wait_for 10 "tasks are scheduled" beats_at_least 50
assert_eq "times that the governor was told" 0 "$(counter speed_hints)"
