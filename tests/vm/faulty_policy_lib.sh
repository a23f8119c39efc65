# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

with_faulty_policy() { # FAULT OPTION…
    SCHEDULER=(bad-policy "$1")
    start_scheduler "${@:2}"
    start_beat --threads 3
    local i
    for ((i = 0; i <= $(nproc); i++)); do spin_anywhere; done
}

without_load() {
    stop_beat
    stop_spinners
}

# The policy has made its last decision: the kernel's own scheduler takes over.
for mode in --no-realtime --realtime; do
    echo "a policy that never comes back, $mode"
    with_faulty_policy spin "$mode"
    began=$(now_ms)
    wait_for 15 "the scheduler leaves by itself" scx_is disabled
    echo "it leaves after $(($(now_ms) - began)) ms"
    # 2 s on the lease, after its last good decision, and until this shell gets to know of it. A
    # real-time thread on the only CPU is first stopped by its own limit.
    [ "$mode" = --realtime ] || assert_le "time until it leaves, ms" $(($(now_ms) - began)) 3000
    wait_scheduler_exit 10
    assert_eq "exit status with a runaway policy" "$EXIT_SILENT" "$SCHEDULER_STATUS"
    assert_match "what it says" "does not come back" "$(cat "$SCHEDULER_LOG")"
    read_beats
    echo "longest wait: $LONGEST_US us"
    [ "$mode" = --realtime ] || assert_le "longest wait, us" "$LONGEST_US" 250000
    before=$BEATS
    wait_for 10 "tasks make progress" beats_at_least $((before + 10))
    without_load
done

# The policy answers, but not for all: nobody waits for longer than the lease and a turn.
for fault in forget silent wrong; do
    echo "a policy with the fault '$fault'"
    with_faulty_policy "$fault"
    wait_for 30 "the fault begins" undecided_at_least 20
    read_beats
    before=$BEATS
    wait_for 10 "tasks make progress" beats_at_least $((before + 20))
    echo "longest wait: $LONGEST_US us"
    assert_le "longest wait, us" "$LONGEST_US" 250000
    assert_eq "state of sched_ext" enabled "$(scx_state)"
    without_load
    wait_counters_agree
    assert_eq "tasks without our context" 0 "$(counter errors)"
    stop_scheduler
done
