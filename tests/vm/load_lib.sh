# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

start_scheduler
start_beat --threads 2

# Ends by itself when every message has arrived: a lost task would keep it from that.
assert_ok "hackbench, processes" timeout 30 hackbench -g 2 -l 50
echo "processes: $OUTPUT"
assert_ok "hackbench, threads and pipes" timeout 30 hackbench -T -p -g 2 -l 50
echo "threads: $OUTPUT"
assert_ok "fork storm" timeout 40 vm-tasks storm --parents $(($(nproc) + 2)) --children 60
echo "$OUTPUT"

read_beats
echo "longest wait: $LONGEST_US us"
assert_le "longest wait, us" "$LONGEST_US" 200000
stop_beat
assert_eq "state of sched_ext" enabled "$(scx_state)"
wait_counters_agree
show_counters
assert_clean
stop_scheduler
