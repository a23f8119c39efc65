# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the tests that run inside a VM. A test waits for events with a deadline, never for time to
# pass; it ends with 0 (passed), 77 (skipped, by skip) or anything else (failed, by fail).
set -uo pipefail

SCX=/sys/kernel/sched_ext
SCHEDULER_LOG=/tmp/scheduler.log
SCHEDULER_PID=
SCHEDULER=(rustland) # the command

# Exit statuses of rustland, as its manual page lists them.
# shellcheck disable=SC2034
EXIT_USAGE=2 EXIT_NO_PRIVILEGE=3 EXIT_NO_SCHED_EXT=4 EXIT_KERNEL_TYPES=5 EXIT_OTHER_SCHEDULER=6
# shellcheck disable=SC2034
EXIT_WATCHDOG=10 EXIT_SILENT=12

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

# assert_ok WHAT COMMAND…: sets OUTPUT to what it prints.
assert_ok() {
    local what=$1
    shift
    OUTPUT=$("$@" 2>&1) || fail "$what: '$*' failed with status $?: $OUTPUT"
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
    "${SCHEDULER[@]}" "$@" >"$SCHEDULER_LOG" 2>&1 &
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
        ! scx_is enabled || gone "$SCHEDULER_PID" || show_counters
        echo "--- last lines of the scheduler's output:"
        tail -n 60 "$SCHEDULER_LOG"
    fi
}

# counter NAME: a number of the running scheduler's statistics
counter() {
    local value
    value=$(vm-tasks stats | sed -n "s/^stats\\.$1 //p")
    [ -n "$value" ] || fail "the statistics have no '$1'"
    echo "$value"
}

show_counters() {
    echo "counters:$(vm-tasks stats | sed -n 's/^stats\.\([a-z_]*\) /\1=/p' |
        grep -v '=0$' | tr '\n' ' ' | sed 's/^/ /')"
}

# What must never happen, whatever the load.
assert_clean() {
    local name
    for name in errors page_faults allocations; do
        assert_eq "$name" 0 "$(counter $name)"
    done
}

# Tasks that ran without a decision, for whatever reason.
undecided_at_least() { [ $(($(counter fallback) + $(counter unasked))) -ge "$1" ]; }

# Each task that was given to user space has been decided, has run without a decision or was taken
# away; true only while nothing is on its way.
wait_counters_agree() {
    local agreement
    agreement=$(vm-tasks agree --limit-s 10) ||
        fail "the counters do not agree after 10 s of rest: $agreement"
}

# --- tasks to schedule -------------------------------------------------------------------

SPINNERS=()

# Tasks that never sleep.
spin_on() { # CPU
    taskset -c "$1" sh -c 'while :; do :; done' &
    SPINNERS+=($!)
}
spin_anywhere() {
    sh -c 'while :; do :; done' &
    SPINNERS+=($!)
}
stop_spinners() {
    local pid
    for pid in "${SPINNERS[@]}"; do kill -KILL "$pid"; done
    wait "${SPINNERS[@]}" 2>/dev/null
    SPINNERS=()
}

# cpu_ticks PID: CPU time of a process, in hundredths of a second
cpu_ticks() {
    local stat fields
    stat=$(cat "/proc/$1/stat") || return
    read -ra fields <<<"${stat##*) }"
    echo $((fields[11] + fields[12]))
}

ran_for() { [ "$(cpu_ticks "$1")" -ge "$2" ]; }
spinners_have_run() {
    local pid
    for pid in "${SPINNERS[@]}"; do ran_for "$pid" 1 || return; done
}

# last_cpu PID: the CPU on which it runs or ran last
last_cpu() {
    local stat fields
    stat=$(cat "/proc/$1/stat") || return
    read -ra fields <<<"${stat##*) }"
    echo "${fields[36]}"
}

# start_beat OPTION…: threads that sleep 10 ms and work for a moment in turn.
BEAT_LOG=/tmp/beat.log
BEAT_PID=
start_beat() {
    : >"$BEAT_LOG"
    vm-tasks beat "$@" >"$BEAT_LOG" &
    BEAT_PID=$!
    read_beats
}
# read_beats: sets BEATS to the number of beats of the slowest thread, LONGEST_US to the longest
# time that one of them waited for a CPU since it was last read.
read_beats() {
    local lines
    wait_for 20 "the beat program is ready" grep -q ready "$BEAT_LOG"
    lines=$(beat_lines)
    kill -USR1 "$BEAT_PID" || fail "the beat program is gone"
    wait_for 20 "the beat program reports" new_beat_line "$lines"
    [[ $(tail -n 1 "$BEAT_LOG") =~ ^beats=([0-9]+)\ longest_us=([0-9]+)$ ]] ||
        fail "the beat program reports $(tail -n 1 "$BEAT_LOG")"
    # shellcheck disable=SC2034
    BEATS=${BASH_REMATCH[1]} LONGEST_US=${BASH_REMATCH[2]}
}
beat_lines() { wc -l <"$BEAT_LOG"; }
new_beat_line() { [ "$(beat_lines)" -gt "$1" ]; }
beats_at_least() {
    read_beats
    [ "$BEATS" -ge "$1" ]
}
stop_beat() {
    kill -TERM "$BEAT_PID"
    wait "$BEAT_PID" 2>/dev/null
    BEAT_PID=
}
