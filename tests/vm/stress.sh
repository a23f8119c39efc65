#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Half a minute of everything that makes the kernel schedule, with all CPUs really in parallel.
# vm realtime
# vm cpus: 4
# vm memory: 2G
# vm timeout: 150
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

start_scheduler
assert_ok "stress-ng" stress-ng --timeout 30 --temp-path /tmp --metrics-brief \
    --cpu 2 --fork 2 --vfork 1 --clone 1 --switch 2 --pipe 2 --futex 2 --mutex 1 --sem 1 --yield 2 \
    --affinity 1 --schedpolicy 1 --nice 1 --nanosleep 1 --timer 1 --vm 1 --vm-bytes 32M --exit-group 1 \
    --kill 1 --wait 1 --zombie 1
assert_match "end of stress-ng" "successful run completed" "$OUTPUT"
grep -o "failed: .*" <<<"$OUTPUT"
assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters
assert_clean
stop_scheduler
