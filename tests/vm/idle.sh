#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On an idle machine the scheduling thread does not wake up at all; under load it neither faults nor
# allocates.
# vm cpus: 4
# vm timeout: 60
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Waits in the shell itself, without a process.
exec 9<> <(:)
rest() { read -r -t "$1" -u 9; }

scheduling_thread() {
    local task
    for task in "/proc/$SCHEDULER_PID/task/"*; do
        if [ "$(cat "$task/comm")" = rustland-sched ]; then echo "$task"; fi
    done
}
switches() {
    local name value sum=0
    while read -r name value; do
        case $name in *ctxt_switches:) sum=$((sum + value)) ;; esac
    done <"$thread/status"
    echo "$sum"
}

start_scheduler
thread=$(scheduling_thread)
[ -n "$thread" ] || fail "there is no scheduling thread"
rest 1 # what attaching has set off
before=$(switches)
rest 10
after=$(switches)
assert_eq "context switches of the scheduling thread in 10 idle seconds" 0 $((after - before))

for _ in 1 2 3 4 5 6 7 8; do spin_anywhere; done
start_beat --threads 4
assert_ok "fork storm" timeout 30 vm-tasks storm --parents 4 --children 100
assert_ok "churn" timeout 30 vm-tasks churn --threads 200 --rounds 5 --limit-s 20
stop_beat
stop_spinners
[ "$(switches)" -gt $((after + 100)) ] || fail "the scheduling thread had nothing to do under load"
show_counters
assert_eq "page faults of the scheduling thread" 0 "$(counter page_faults)"
assert_eq "allocations of the scheduling thread" 0 "$(counter allocations)"
assert_le "resident memory, bytes" "$(counter resident)" $((16 << 20))

before=$(switches)
rest 10
assert_le "context switches of the scheduling thread in 10 seconds after the load" \
    $(($(switches) - before)) 0
stop_scheduler
