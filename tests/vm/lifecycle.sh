#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Start and stop: over and over, by each signal, twice at once, and without privileges.
# vm kernels: main
# vm cpus: 2
# vm timeout: 400
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# refused EXIT_STATUS REGEX COMMAND…
refused() {
    local expected=$1 regex=$2 status=0 said
    shift 2
    said=$("$@" 2>&1) || status=$?
    assert_eq "exit status of '$*' ($said)" "$expected" "$status"
    assert_eq "number of lines of '$said'" 1 "$(wc -l <<<"$said")"
    assert_match "what '$*' says" "$regex" "$said"
}

start_beat --threads 2
first=$(scx_enable_seq)
for _ in {1..20}; do
    start_scheduler
    stop_scheduler
done
assert_eq "number of attachments" 20 $(($(scx_enable_seq) - first))
read_beats
echo "longest wait while attaching and detaching 20 times: $LONGEST_US us"
assert_le "longest wait while attaching and detaching, us" "$LONGEST_US" 250000

spin_anywhere
spin_anywhere
spin_anywhere
start_scheduler
kill -INT "$SCHEDULER_PID"
wait_scheduler_exit 10
assert_eq "exit status after SIGINT" 0 "$SCHEDULER_STATUS"
assert_eq "state of sched_ext" disabled "$(scx_state)"

start_scheduler
refused "$EXIT_OTHER_SCHEDULER" "another sched_ext scheduler is attached: 'rustland.*'" rustland
assert_eq "state of sched_ext after the second" enabled "$(scx_state)"
before=$BEATS
wait_for 10 "tasks make progress" beats_at_least $((before + 20))
stop_scheduler

refused "$EXIT_NO_PRIVILEGE" "missing privileges: run it as root, or grant .*CAP_BPF" \
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all rustland
refused "$EXIT_USAGE" "slice-us" rustland --slice-us nonsense
assert_eq "state of sched_ext" disabled "$(scx_state)"
stop_beat
stop_spinners
