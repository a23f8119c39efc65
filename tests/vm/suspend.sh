#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Suspend and resume under load, as far as the kernel's own test mode goes: up to the point where all
# CPUs but one are offline.
# vm generic
# vm cpus: 3
# vm append: suspend.pm_test_delay=1
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

[ -e /sys/power/pm_test ] || fail "this kernel has no /sys/power/pm_test"
echo "levels: $(cat /sys/power/pm_test), states: $(cat /sys/power/state)"

start_scheduler
for _ in 1 2 3 4; do spin_anywhere; done
spin_on 2
start_beat --threads 3 --cpus 0,1,2
wait_for 10 "tasks make progress" beats_at_least 10

suspend() { # LEVEL STATE
    local before
    echo "suspend to $2 up to $1"
    echo "$1" >/sys/power/pm_test || fail "no test level $1"
    echo "$2" >/sys/power/state || fail "suspend to $2 up to $1"
    read_beats
    before=$BEATS
    wait_for 10 "all tasks make progress after suspend to $2 up to $1" beats_at_least $((before + 10))
    read_beats
    assert_le "longest wait after it, us" "$LONGEST_US" 500000
    assert_eq "state of sched_ext" enabled "$(scx_state)"
}

suspend freezer freeze
suspend devices freeze
if grep -qw mem /sys/power/state; then
    suspend processors mem
    suspend core mem
    assert_eq "online CPUs" 0-2 "$(cat /sys/devices/system/cpu/online)"
fi
stop_beat
stop_spinners
wait_counters_agree
stop_scheduler
