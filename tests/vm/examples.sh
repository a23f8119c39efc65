#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each example schedules the machine under load: user space decides, and all tasks go on.
# vm kernels: main
# vm cpus: 2
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

counter_at_least() { [ "$(counter "$1")" -ge "$2" ]; }
own_counter() { vm-tasks stats | sed -n "s/^policy_counters\\.$1 //p"; }
# One look at the numbers, without a process for each.
stat_of() {
    [[ $STATS =~ stats\.$1\ ([0-9]+) ]] || fail "the statistics have no '$1'"
    STAT=${BASH_REMATCH[1]}
}

# with_load PROGRAM [ARGUMENT…]
with_load() {
    local name
    SCHEDULER=("$@")
    start_scheduler
    echo "[$(now_ms) ms] $* is attached"
    TICKS=()
    start_beat --threads 2
    for _ in 1 2 3; do spin_anywhere; done
    assert_ok "short-lived processes" timeout 20 vm-tasks storm --parents 2 --children 10
    wait_for 20 "tasks are decided" counter_at_least queued 150
    wait_for 20 "tasks make progress" beats_at_least 10
    wait_for 20 "all that compute make progress" spinners_go_on
    # Before all that takes long beside a load.
    stop_beat
    stop_spinners
    STATS=$(vm-tasks stats)
    stat_of queued
    echo "$STAT queued, longest wait $LONGEST_US us"
    stat_of decided_share
    assert_le "share of tasks that user space did not decide, %" $((100 - STAT)) 10
    for name in policy_errors memory_overflows no_room exits_lost errors page_faults allocations; do
        stat_of $name
        assert_eq "$name" 0 "$STAT"
    done
}

# Each spinner has run since the last time.
declare -A TICKS=()
spinners_go_on() {
    local pid ticks
    for pid in "${SPINNERS[@]}"; do
        ticks=$(cpu_ticks "$pid")
        [ "$ticks" -gt "${TICKS[$pid]:-0}" ] || return
    done
    for pid in "${SPINNERS[@]}"; do TICKS[$pid]=$(cpu_ticks "$pid"); done
}

with_load example-fifo
stop_scheduler

with_load example-round_robin
[ "$(counter exits)" -gt 0 ] || fail "the policy is not told of exits"
stop_scheduler

with_load example-deadline
stop_scheduler

with_load example-per_cpu
[ "$(counter exits)" -gt 0 ] || fail "the policy is not told of exits"
echo "$(own_counter moves) moves, $(counter exits) exits"
[ "$(own_counter moves)" -gt 0 ] || fail "the policy's own counter is not shown"
stop_scheduler

echo '{"percent": 50, "slice_us": [1000, 8000]}' >/tmp/settings.json
with_load example-histogram /tmp/settings.json
stop_scheduler
echo '{"percent": 50' >/tmp/settings.json
if OUTPUT=$(example-histogram /tmp/settings.json 2>&1); then fail "a bad file was accepted"; fi
assert_match "what it says of a bad file" "making the policy: .*parse error" "$OUTPUT"

# The program of the stand-alone project is there if its test has run before.
if command -v my-scheduler >/dev/null; then
    with_load my-scheduler
    stop_scheduler
else
    echo "no program of examples/template"
fi
