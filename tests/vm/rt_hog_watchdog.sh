#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A task that is bound to a CPU which a real-time task keeps for longer than the kernel's watchdog
# allows. No scheduler of this class can help it: either the kernel gives the class its share of the
# CPU by itself, and nothing happens, or its watchdog ejects us, and its own scheduler goes on.
# vm cpus: 2
# vm timeout: 60
# vm allow-log: runnable task stall|^sched_ext: rustland: |^sched_ext: BPF scheduler "rustland" disabled
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

settled() { gone "$SCHEDULER_PID" || gone "$hog"; }

start_scheduler --timeout-ms 2000
spin_anywhere
start_beat --cpus 0,1
wait_for 10 "tasks make progress" beats_at_least 20
timeout -s KILL 8 chrt -f 50 taskset -c 1 sh -c 'while :; do :; done' 2>/dev/null &
hog=$!
wait_for 20 "the watchdog or the end of the hog" settled
if gone "$SCHEDULER_PID"; then
    echo "ejected by the kernel's watchdog"
    wait_scheduler_exit 1
    assert_eq "exit status when ejected by the watchdog" "$EXIT_WATCHDOG" "$SCHEDULER_STATUS"
    assert_match "what it says" "watchdog.*stall" "$(cat "$SCHEDULER_LOG")"
    assert_eq "state of sched_ext" disabled "$(scx_state)"
else
    echo "the kernel gives bound tasks a share of the hogged CPU"
    read_beats
    assert_le "longest wait, us" "$LONGEST_US" 2000000
fi
wait_for 20 "the end of the hog" gone "$hog"
read_beats
before=$BEATS
wait_for 10 "the bound tasks make progress" beats_at_least $((before + 20))
stop_beat
stop_spinners
[ -z "$SCHEDULER_PID" ] || stop_scheduler
