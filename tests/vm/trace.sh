#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# rustlandctl trace records, sums up what really happened, and leaves nothing behind.
# vm kernels: main
# vm cpus: 2
# vm timeout: 90
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

TRACING=/sys/kernel/tracing
TRACE=/tmp/a.trace
no_instance() { [ ! -e $TRACING/instances/rustland ]; }
recording() { [ "$(cat $TRACING/instances/rustland/tracing_on 2>/dev/null)" = 1 ]; }

[ -d $TRACING/instances ] || mount -t tracefs nodev $TRACING || fail "no tracefs here"

echo "a command, under the kernel's own scheduler"
assert_ok "trace" rustlandctl trace -o $TRACE -- sh -c 'sleep 0.3; exit 7'
assert_match "status of the command" "sh ended with status 7" "$OUTPUT"
assert_match "where to look" "ui\.perfetto\.dev" "$OUTPUT"
assert_match "the command among the tasks" $'\n''sleep +[0-9]+ ' "$OUTPUT"
no_instance || fail "the instance is still there"
assert_match "first line of the file" "^# tracer: nop" "$(head -n 1 $TRACE)"
grep -q 'sched_switch: prev_comm=' $TRACE || fail "no switches in the file"
# The shape that each version of Perfetto reads: task, CPU, time and event, without the flags between.
assert_eq "entries of another shape" "" \
    "$(grep -vE '^#|^.{16}-[0-9]+ +\[[0-9]+\] +[0-9]+\.[0-9]{6}: [a-z_]+: ' $TRACE)"

echo "under rustland, two CPUs for four tasks"
start_scheduler
for _ in 1 2 3 4; do spin_anywhere; done
wait_for 20 "all spinners have run" spinners_have_run
assert_ok "trace" rustlandctl trace --seconds 2 -o $TRACE --json
# Standard error is in front of the JSON.
JSON=$(sed -n '/^{/,$p' <<<"$OUTPUT")
number() { sed -n "s/^  \"$1\": \([0-9]*\),\?$/\1/p" <<<"$JSON"; }
assert_eq "lost events" 0 "$(number lost)"
[ "$(number length_ns)" -gt 1500000000 ] || fail "the trace is too short: $(number length_ns) ns"
[ "$(number switches)" -gt 100 ] || fail "too few switches: $(number switches)"
for pid in "${SPINNERS[@]}"; do
    grep -q "\"pid\": $pid,\?$" <<<"$JSON" || fail "spinner $pid is not in the summary"
done
# Four that never sleep on two CPUs wait for each other.
grep -q '"meanwhile": \[$' <<<"$JSON" || fail "no wait says what ran meanwhile"
grep -q 'tracing_mark_write: C|[0-9]*|rustland decided|[0-9]' $TRACE ||
    fail "the scheduler's statistics are no tracks"
assert_ok "reading it again" rustlandctl trace --read $TRACE
assert_match "summary" "The longest waits, and what ran on that CPU meanwhile" "$OUTPUT"
stop_spinners
stop_scheduler

echo "more events than there is room for"
vm-tasks wakeups --messengers 2 --workers 2 --work 0 --pause-us 0 --warmup-ms 0 --duration-ms 60000 >/dev/null &
storm=$!
before=$(now_ms)
assert_ok "trace" rustlandctl trace --seconds 1 --buffer 64 -o $TRACE --json
took=$(($(now_ms) - before))
echo "done after $took ms"
kill $storm
JSON=$(sed -n '/^{/,$p' <<<"$OUTPUT")
[ "$(number lost)" -gt 1000 ] || fail "only $(number lost) events are said to be lost"
assert_match "what it says" "rustlandctl: $(number lost) events found no room" "$OUTPUT"
# One second, and what it takes to write down and to read 64 KiB for each CPU beside the storm.
assert_le "time of all, ms" "$took" 10000

echo "ended by a signal, it cleans up and keeps what it has"
rustlandctl trace --seconds 60 -o $TRACE >/tmp/out 2>&1 &
pid=$!
wait_for 20 "it records" recording
assert_match "a second one" "another trace runs" "$(rustlandctl trace --seconds 1 -o /tmp/b.trace 2>&1)"
kill -INT $pid
wait_for 20 "it ends" gone $pid
status=0
wait $pid || status=$?
assert_eq "exit status after SIGINT" 0 $status
no_instance || fail "the instance is still there after SIGINT"
assert_match "summary" "switches" "$(cat /tmp/out)"

echo "errors"
status=0
rustlandctl trace --seconds 1 -o /nonexistent/x 2>/tmp/out || status=$?
assert_eq "exit status where the file cannot be written" 1 $status
assert_match "error" "/nonexistent/x: No such file" "$(cat /tmp/out)"
no_instance || fail "the instance is still there after an error"
status=0
setpriv --reuid=65534 --regid=65534 --clear-groups rustlandctl trace --seconds 1 2>/tmp/out || status=$?
assert_eq "exit status without root" 1 $status
assert_match "error" "recording needs root" "$(cat /tmp/out)"
