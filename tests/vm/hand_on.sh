#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A pair that wakes each other in turn keeps its slice while it does, and nobody else suffers from
# that. A policy that does not want it is asked about each wake-up.
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

SECONDS_EACH=3
statistic() { vm-tasks stats | awk -v name="stats.$1" '$1 == name { print $2; found = 1 } END { exit !found }'; }
# Waits of half a second and longer.
too_long() { vm-tasks stats | awk '$1 == "waits.normal.counts.19" { print $2; found = 1 } END { exit !found }'; }

# pairs NUMBER: that many pairs write into pipes in turn beside a hog on each CPU; sets handed, queued,
# switched (a second) and hog, the millions of iterations a second of the hog that got the least.
pairs() {
    local output handed0 queued0
    handed0=$(statistic handed_on) queued0=$(statistic queued)
    vm-tasks hogs --threads "$(nproc)" --duration-ms $((SECONDS_EACH * 1000)) >/tmp/hogs &
    output=$(stress-ng --switch "$1" --switch-method pipe --timeout $SECONDS_EACH --temp-path /tmp \
        --metrics-brief 2>&1) || fail "stress-ng ended with status $?: $output"
    wait $! || fail "the hogs ended with status $?"
    handed=$(($(statistic handed_on) - handed0)) queued=$(($(statistic queued) - queued0))
    [[ $output =~ \]\ switch\ +([0-9]+) ]] || fail "stress-ng printed no metrics: $output"
    switched=$((BASH_REMATCH[1] / SECONDS_EACH))
    [[ $(cat /tmp/hogs) =~ fewest_mit_s=([0-9]+) ]] || fail "the hogs printed: $(cat /tmp/hogs)"
    hog=${BASH_REMATCH[1]}
    echo "$switched switches a second, $handed handed on, $queued asked about; $(cat /tmp/hogs)"
}

start_scheduler
before=$(too_long)
pairs 4
[ "$handed" -ge $((4 * queued)) ] || fail "handed on: $handed, asked about: $queued"
# A CPU does about 80 in all here, and a hog has two pairs beside it, which hardly ever compute long.
[ "$hog" -ge 8 ] || fail "a hog got $hog Mit/s beside the pairs"
assert_le "waits of half a second or more" "$(too_long)" "$before"
assert_clean
stop_scheduler

start_scheduler --policy fifo
pairs 4
[ "$handed" -eq 0 ] || fail "fifo was not asked about $handed wake-ups"
[ "$queued" -ge "$switched" ] || fail "fifo was asked about $queued wake-ups only"
assert_clean
stop_scheduler
