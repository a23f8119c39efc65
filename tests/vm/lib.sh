# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests that run inside a VM. A test waits for events with a deadline, never for time to
# pass; it ends with 0 (passed), 77 (skipped, by skip) or anything else (failed, by fail).
set -uo pipefail

SCX=/sys/kernel/sched_ext
SCHEDULER_LOG=/tmp/scheduler.log
SCHEDULER_PID=

fail() {
    echo "FAIL: $*"
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# wait_for SECONDS WHAT COMMAND…: until COMMAND succeeds; after SECONDS fails, naming WHAT.
wait_for() {
    local deadline=$(($(now_ms) + $1 * 1000)) seconds=$1 what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$deadline" ] || fail "not within $seconds s: $what"
        sleep 0.02
    done
}

# Milliseconds since boot.
now_ms() {
    local up
    read -r up _ </proc/uptime
    up=${up/./}0 # hundredths of a second
    echo $((10#$up))
}

# assert_eq WHAT EXPECTED ACTUAL
assert_eq() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', is '$3'"
}

# assert_match WHAT REGEX TEXT
assert_match() {
    [[ $3 =~ $2 ]] || fail "$1: expected a match for '$2', is '$3'"
}

# assert_le WHAT NUMBER LIMIT
assert_le() {
    [ "$2" -le "$3" ] || fail "$1: expected at most $3, is $2"
}

# assert_ok WHAT COMMAND…
assert_ok() {
    local what=$1 output
    shift
    output=$("$@" 2>&1) || fail "$what: '$*' failed with status $?: $output"
}

# --- sched_ext ---------------------------------------------------------------------------

scx_state() { cat $SCX/state 2>/dev/null; }
scx_ops() { cat $SCX/root/ops 2>/dev/null; }
scx_enable_seq() { cat $SCX/enable_seq 2>/dev/null; }
scx_is() { [ "$(scx_state)" = "$1" ]; }

gone() { ! kill -0 "$1" 2>/dev/null; }

scheduler_runs_or_died() {
    gone "$SCHEDULER_PID" || { scx_is enabled && [[ $(scx_ops) == rustland* ]]; }
}

# start_scheduler OPTION…: returns when rustland is attached. Its output is in $SCHEDULER_LOG.
start_scheduler() {
    rustland "$@" >"$SCHEDULER_LOG" 2>&1 &
    SCHEDULER_PID=$!
    trap show_scheduler_log EXIT
    wait_for 30 "the scheduler is attached (state: $(scx_state))" scheduler_runs_or_died
    if gone "$SCHEDULER_PID"; then
        local status=0
        wait "$SCHEDULER_PID" || status=$?
        fail "the scheduler ended with status $status instead of attaching"
    fi
}

# wait_scheduler_exit SECONDS: sets SCHEDULER_STATUS to its exit status.
wait_scheduler_exit() {
    wait_for "$1" "the scheduler ends" gone "$SCHEDULER_PID"
    SCHEDULER_STATUS=0
    wait "$SCHEDULER_PID" || SCHEDULER_STATUS=$?
    SCHEDULER_PID=
}

# stop_scheduler: asks it to stop and checks that it detaches with status 0.
stop_scheduler() {
    kill -TERM "$SCHEDULER_PID" || fail "the scheduler is not running any more"
    wait_scheduler_exit 10
    assert_eq "exit status of the scheduler" 0 "$SCHEDULER_STATUS"
    wait_for 10 "sched_ext is disabled" scx_is disabled
}

show_scheduler_log() {
    local status=$?
    if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -s "$SCHEDULER_LOG" ]; then
        echo "--- last lines of the scheduler's output:"
        tail -n 60 "$SCHEDULER_LOG"
    fi
}
