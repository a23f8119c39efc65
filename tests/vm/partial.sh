#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With --partial only those tasks are ours that asked for it.
# vm cpus: 2
# vm timeout: 60
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

is_ours() { grep -q '^ext.enabled *: *1' "/proc/$1/sched"; }
queued_more_than() { [ "$(counter queued)" -gt "$1" ]; }

start_scheduler --partial
assert_eq "switch_all" 0 "$(cat $SCX/switch_all)"
for _ in 1 2 3 4; do spin_anywhere; done
for pid in "${SPINNERS[@]}"; do wait_for 10 "all tasks run" ran_for "$pid" 5; done
for pid in "${SPINNERS[@]}"; do ! is_ours "$pid" || fail "a task is ours that did not ask for it"; done
assert_eq "tasks given to user space while none is ours" 0 "$(counter queued)"

# The kernel's own scheduler comes first: what is ours gets what is left. So all ask.
assert_ok "SCHED_EXT" vm-tasks set-class ext "${SPINNERS[@]}"
for pid in "${SPINNERS[@]}"; do is_ours "$pid" || fail "a task that asked for it is not ours"; done
wait_for 10 "user space is asked" queued_more_than 20
for pid in "${SPINNERS[@]}"; do
    wait_for 20 "all our tasks run" ran_for "$pid" $(($(cpu_ticks "$pid") + 20))
done

assert_ok "SCHED_OTHER" vm-tasks set-class other "${SPINNERS[@]}"
for pid in "${SPINNERS[@]}"; do ! is_ours "$pid" || fail "a task that left is still ours"; done
assert_eq "state of sched_ext" enabled "$(scx_state)"
stop_spinners
wait_counters_agree
show_counters
stop_scheduler
