#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CPUs go and come back under load: the scheduler stays, and so do the tasks that are bound to them.
# vm cpus: 4
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

online() { echo "$2" >"/sys/devices/system/cpu/cpu$1/online" || fail "cannot switch CPU $1 to $2"; }

start_scheduler
seq=$(scx_enable_seq)
for _ in 1 2 3 4 5; do spin_anywhere; done
for cpu in 1 2 3; do spin_on $cpu; done
start_beat --threads 4 --cpus 0,1,2,3
wait_for 10 "tasks make progress" beats_at_least 10

for round in 1 2 3 4 5 6 7 8 9 10; do
    for cpu in 3 2 1; do
        online $cpu 0
        read_beats
        before=$BEATS
        wait_for 10 "all tasks make progress without CPU $cpu" beats_at_least $((before + 3))
        [ $((round % 3)) -eq 2 ] || online $cpu 1
    done
    # In every third round all but one are gone at the same time.
    [ $((round % 3)) -ne 2 ] || for cpu in 1 2 3; do online $cpu 1; done
    read_beats
    echo "round $round: longest wait $LONGEST_US us"
    assert_le "longest wait, us" "$LONGEST_US" 1000000
done

assert_eq "online CPUs" 0-3 "$(cat /sys/devices/system/cpu/online)"
assert_eq "state of sched_ext" enabled "$(scx_state)"
assert_eq "attachments" "$seq" "$(scx_enable_seq)"
for pid in "${SPINNERS[@]}"; do kill -0 "$pid" || fail "a bound task is gone"; done
read_beats
before=$BEATS
wait_for 10 "all tasks make progress with all CPUs" beats_at_least $((before + 20))

# The CPUs are used again: as many spinners as CPUs get a CPU each.
stop_spinners
stop_beat
for _ in 1 2 3 4; do spin_anywhere; done
for pid in "${SPINNERS[@]}"; do wait_for 10 "each CPU is used" ran_for "$pid" 50; done
stop_spinners
wait_counters_agree
stop_scheduler
