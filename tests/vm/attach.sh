#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# It attaches, user space decides, and it detaches: on every kernel.
# vm kernels: smoke
# vm cpus: 2
# vm timeout: 60
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(now_ms)
start_scheduler
echo "attached after $(($(now_ms) - before)) ms"
assert_match "name of the scheduler" "^rustland" "$(scx_ops)"

start_beat --threads 2 --cpus 0,1
for _ in 1 2 3 4; do spin_anywhere; done
assert_ok "fork storm" timeout 30 vm-tasks storm --parents 2 --children 100
echo "$OUTPUT"
assert_ok "churn" timeout 30 vm-tasks churn --threads 50 --rounds 5 --classes --limit-s 20
echo "$OUTPUT"
wait_for 20 "tasks make progress" beats_at_least 50
read_beats
echo "longest wait: $LONGEST_US us"
assert_le "longest wait, us" "$LONGEST_US" 200000
stop_beat
stop_spinners

wait_counters_agree
show_counters
share=$(counter decided_share)
assert_le "share of tasks that user space did not decide, %" $((100 - ${share%.*})) 10
assert_clean
stop_scheduler
