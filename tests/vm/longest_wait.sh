#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Beside a foreground that wants every CPU twice, no task waits longer than docs/scheduling.md states:
# not one in the background, nor one with nice 19, nor one that may run on one CPU only, be it by its
# affinity or as the kernel has disabled its migration. The kernel's own events tell how long they
# waited: a program in this VM can have a CPU for a moment without executing anything, and would take
# two waits for one.
# vm cpus: 4
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

BOUND_MS=500
WARMUP_MS=3000
DURATION_MS=20000
EVENTS=/sys/kernel/tracing/instances/waits

# So that a task can be preempted inside of the kernel, too, where it cannot migrate.
echo full >/sys/kernel/debug/sched/preempt || fail "the kernel cannot preempt everywhere"
{
    mkdir $EVENTS && echo 0 >$EVENTS/tracing_on && echo 16384 >$EVENTS/buffer_size_kb &&
        echo 1 >$EVENTS/events/sched/sched_switch/enable &&
        echo 1 >$EVENTS/events/sched/sched_waking/enable
} || fail "the kernel does not record its switches"
exec 9<> <(:)

start_scheduler
NAMES=() PIDS=()
begin() { # NAME OPTION…
    local name=$1
    shift
    vm-tasks waits --warmup-ms $WARMUP_MS --duration-ms $DURATION_MS "$@" >"/tmp/$name" &
    NAMES+=("$name") PIDS+=($!)
}
kinds() { # CLASS
    begin "$1-hogs" --threads 2
    begin "$1-hogs-nice19" --threads 2 --nice 19
    begin "$1-hogs-bound-nice19" --cpus 0,1,2,3 --nice 19
    begin "$1-sleepers-bound" --kind sleeper --cpus 0,1,2,3
    begin "$1-pinned" --kind pinned --threads 2
}
kinds background
background=$(IFS=,; echo "${PIDS[*]}")
kinds normal
# The programs of the pinned tasks have to be verified by the kernel first: not beside the foreground.
have_threads() {
    local pid tasks
    for pid in "${PIDS[@]}"; do
        tasks=("/proc/$pid/task/"*)
        [ "${#tasks[@]}" -gt 1 ] || return
    done
}
wait_for 60 "all tasks have been started" have_threads
vm-tasks hogs --threads 8 --duration-ms 1000000 >/dev/null & # it outlasts all of them
foreground=$!
assert_ok "setting the classes" vm-tasks ask \
    "{\"request\":\"classes\",\"foreground\":[$foreground],\"background\":[$background]}"
read -r -t 3 -u 9 # what waited before there was a foreground may wait a little longer

echo 1 >$EVENTS/tracing_on
read -r -t 5 -u 9
echo 0 >$EVENTS/tracing_on
THREADS=()
for pid in "${PIDS[@]}"; do THREADS+=("$(cd "/proc/$pid/task" && echo *)"); done
kill -0 $foreground || fail "the foreground has ended before the others"
for i in "${!NAMES[@]}"; do
    wait "${PIDS[i]}" || fail "${NAMES[i]} ended with status $?"
    [[ $(cat "/tmp/${NAMES[i]}") =~ fewest_rounds=([0-9]+)$ ]] || fail "${NAMES[i]} said nothing"
    [ "${BASH_REMATCH[1]}" -gt 0 ] || fail "${NAMES[i]}: a task has done nothing"
done
kill -KILL $foreground
wait $foreground 2>/dev/null

assert_eq "lost events" 0 "$(cat $EVENTS/per_cpu/cpu*/stats | sed -n 's/^overrun: //p' | sort -u)"
cat $EVENTS/trace >/tmp/waits.trace
# A line for each task: its thread id, the number of its waits, the longest in ns. In the summary the
# runs of a task come before its waits.
WAITS=$(rustlandctl trace --read /tmp/waits.trace --json | tr -d ,: | awk '
    $1 == "\"pid\"" { pid = $2; histogram = 0 }
    $1 == "\"count\"" { count = $2 }
    $1 == "\"longest_ns\"" && ++histogram == 2 { print pid, count, $2 }')
for i in "${!NAMES[@]}"; do
    longest=0 waits=0
    for thread in ${THREADS[i]}; do
        # The first thread of a program only waits for the others.
        [ "$thread" != "${PIDS[i]}" ] || continue
        read -r _ count ns < <(grep "^$thread " <<<"$WAITS") || fail "${NAMES[i]}: $thread never waited"
        [ "$count" -gt 0 ] || fail "${NAMES[i]}: thread $thread never waited"
        waits=$((waits + count))
        [ "$ns" -le "$longest" ] || longest=$ns
    done
    echo "${NAMES[i]}: waits=$waits longest_ms=$((longest / 1000000))"
    [ "$waits" -gt 0 ] || fail "${NAMES[i]}: no task of it ever waited"
    assert_le "longest wait of ${NAMES[i]}, ms" $((longest / 1000000)) $BOUND_MS
done
# Else all of them were of one class, and this has shown nothing.
[ "$(counter foreground)" -gt 0 ] || fail "no task in the foreground was counted"
[ "$(counter background)" -gt 0 ] || fail "no task in the background was counted"
assert_eq "state of sched_ext" enabled "$(scx_state)"
stop_scheduler
