#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The frequency governor hears of full speed where the foreground runs or a CPU has no rest, and of
# less where CPUs rest most of the time. The VM has no frequencies: this is about what is said.
# vm cpus: 4
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# speed_is WHAT -le|-ge PERCENT: within some seconds. Looking keeps a CPU busy, too: one CPU, and not
# often.
exec 9<> <(:)
speed_is() {
    local tries speed
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        read -r -t 1 -u 9
        speed=$(counter speed)
        if { [ "$2" = -le ] && [ "${speed%.*}" -le "$3" ]; } ||
            { [ "$2" = -ge ] && [ "${speed%.*}" -ge "$3" ]; }; then
            echo "$1: asked for $speed % at look $tries"
            return
        fi
    done
    fail "$1: asked for $speed %, expected $2 $3"
}

CGROUP=/sys/fs/cgroup
mkdir $CGROUP/game
start_scheduler --foreground-cgroup /game
taskset -cp 0 $$ >/dev/null || fail "cannot stay on a CPU"
start_beat --threads 4 --cpus 0,1,2,3
speed_is "CPUs that rest most of the time" -le 49

for cpu in 0 1 2 3; do spin_on $cpu; done
speed_is "CPUs without rest" -ge 100
stop_spinners
speed_is "CPUs that rest again" -le 49
[ "$(counter speed_hints)" -gt 8 ] || fail "the governor was hardly ever told anything"

echo "$BEAT_PID" >$CGROUP/game/cgroup.procs || fail "cannot move a task"
speed_is "CPUs where the foreground runs" -ge 100
echo "$BEAT_PID" >$CGROUP/cgroup.procs || fail "cannot move a task back"
speed_is "the same without a foreground" -le 49
stop_scheduler

taskset -cp 0-3 $$ >/dev/null || fail "cannot leave the CPU"
start_scheduler --no-cpufreq
for cpu in 0 1 2 3; do spin_on $cpu; done
read_beats # from here on
wait_for 10 "tasks are scheduled" beats_at_least 50
assert_eq "times that the governor was told" 0 "$(counter speed_hints)"
