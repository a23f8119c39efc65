#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A policy that throws, blocks, forgets tasks or allocates: the machine runs on, and the log names
# the fault.
# vm kernels: main
# vm cpus: 2
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

log_says() { grep -q "$1" "$SCHEDULER_LOG"; }

# with_fault FAULT MESSAGE COUNTER
with_fault() {
    SCHEDULER=(bad-policy "$1")
    start_scheduler
    echo "[$(now_ms) ms] a policy with the fault '$1' is attached"
    start_beat --threads 2
    local i before
    for ((i = 0; i <= $(nproc); i++)); do spin_anywhere; done
    wait_for 40 "the log says '$2'" log_says "$2"
    grep "$2" "$SCHEDULER_LOG"
    [ "$(counter "$3")" -gt 0 ] || fail "$3 is 0 with the fault '$1'"
    read_beats
    before=$BEATS
    wait_for 10 "tasks make progress" beats_at_least $((before + 20))
    echo "longest wait: $LONGEST_US us"
    assert_eq "state of sched_ext" enabled "$(scx_state)"
    stop_beat
    stop_spinners
    stop_scheduler
}

with_fault throw 'the policy bad threw in enqueue(): it cannot count to ten' policy_errors
with_fault block 'the policy bad blocks' fallback
with_fault forget 'the policy bad forgets tasks' fallback
with_fault allocate 'the policy bad allocates memory' allocations
