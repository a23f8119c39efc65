#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On an idle machine no thread of the scheduler wakes up at all; under load the scheduling thread
# neither faults nor allocates.
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
# switches TASK…: how often these threads have been switched to
switches() {
    local task name value sum=0
    for task; do
        while read -r name value; do
            case $name in *ctxt_switches:) sum=$((sum + value)) ;; esac
        done <"$task/status"
    done
    echo "$sum"
}

start_scheduler
thread=$(scheduling_thread)
[ -n "$thread" ] || fail "there is no scheduling thread"
all=("/proc/$SCHEDULER_PID/task/"*)
assert_le "threads, the scheduling thread one of them" 2 ${#all[@]}
rest 1 # what attaching has set off
before=$(switches "${all[@]}")
rest 10
after=$(switches "${all[@]}")
assert_eq "context switches of all threads in 10 idle seconds" 0 $((after - before))

before=$(switches "$thread")
for _ in 1 2 3 4 5 6 7 8; do spin_anywhere; done
start_beat --threads 4
assert_ok "fork storm" timeout 30 vm-tasks storm --parents 4 --children 100
assert_ok "churn" timeout 30 vm-tasks churn --threads 200 --rounds 5 --limit-s 20
stop_beat
stop_spinners
[ "$(switches "$thread")" -gt $((before + 100)) ] || fail "the scheduling thread had nothing to do under load"
show_counters
assert_eq "page faults of the scheduling thread" 0 "$(counter page_faults)"
assert_eq "allocations of the scheduling thread" 0 "$(counter allocations)"
assert_le "resident memory, bytes" "$(counter resident)" $((16 << 20))

before=$(switches "${all[@]}")
rest 10
assert_eq "context switches of all threads in 10 seconds after the load" 0 \
    $(($(switches "${all[@]}") - before))
stop_scheduler
