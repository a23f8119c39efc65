#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ten thousand threads become runnable at once and change their own and each other's affinity, class
# and nice value while urgent threads preempt them. None may be lost, and every counter must be true.
# vm cpus: 4
# vm memory: 3G
# vm timeout: 150
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

start_scheduler

echo "10,000 threads that change affinity"
assert_ok "churn of affinity" vm-tasks churn --threads 10000 --rounds 3 --urgent 3 --changers 2 --limit-s 100
echo "$OUTPUT"
assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters

echo "1,000 threads that change affinity, class and nice value"
assert_ok "churn of classes" vm-tasks churn --threads 1000 --rounds 5 --urgent 3 --changers 3 --classes --limit-s 60
echo "$OUTPUT"
assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters
assert_clean
stop_scheduler
