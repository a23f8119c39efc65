#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The scheduler is killed, or stopped, while a game runs beside a build: the game goes on.
# vm cpus: 4
# vm timeout: 60
# vm expect-sched-ext-error: unregistered from BPF
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

SECONDS_MEASURED=5 # the fault comes in the middle
TAKEOVER_MS=300    # in which the longest frame still counts as ours, not as the kernel scheduler's

# watch_fault PID: prints when the process stopped or died, and when sched_ext was disabled, in
# milliseconds since boot. It starts no processes, and as a real-time task it is always on time.
# shellcheck disable=SC2016
watch_fault() {
    chrt -f 20 "$BASH" -c '
        exec 9<> <(:)
        now() { read -r up _ </proc/uptime; echo "$1 ${up/./}0"; }
        until ! read -r stat </proc/$0/stat || [[ ${stat##*) } == [TZX]* ]]; do
            read -r -t 0.01 -u 9
        done 2>/dev/null
        now fault
        until read -r state <'$SCX'/state && [ "$state" = disabled ]; do read -r -t 0.01 -u 9; done
        now disabled' "$1"
}

# game_survives FAULT: the longest frame from the fault until the kernel's scheduler has taken over.
game_survives() {
    local bench watch=/tmp/watch name value fault=0 disabled=0 silent_ms status=0
    watch_fault "$SCHEDULER_PID" >$watch &
    bench=$!
    rustland-bench --scenario "build:8:$1" --duration $SECONDS_MEASURED --warmup 0.5 --frames \
        --iterations-per-ms 31250 --json >/tmp/bench.json 2>/tmp/bench.err || status=$?
    assert_eq "exit status of the benchmark ($(cat /tmp/bench.err))" 0 $status
    wait_for 5 "the fault and the end of the scheduler are noticed" gone $bench
    while read -r name value; do
        case $name in
        fault) fault=$((10#$value)) ;;
        disabled) disabled=$((10#$value)) ;;
        esac
    done <$watch
    silent_ms=$((disabled - fault))
    echo "$1: the kernel's scheduler takes over after $silent_ms ms"
    frames "$silent_ms"
    assert_le "longest frame after '$1', ms" "$DURING" 100
}

# frames SILENT_MS: sets DURING to the longest frame that had a part in the time without user space.
frames() {
    local before after
    read -r before DURING after < <(tr -d ' \n' </tmp/bench.json |
        sed 's/.*"times_ms":\[\([^]]*\)\].*/\1/' | tr , '\n' |
        awk -v fault=$((SECONDS_MEASURED * 500)) -v silent="$1" -v takeover=$TAKEOVER_MS '
            { begin = end; end += $1
              part = end < fault - 100 ? 1 : begin <= fault + silent + takeover ? 2 : 3
              if ($1 > longest[part]) longest[part] = $1 }
            END { printf "%d %d %d\n", longest[1], longest[2], longest[3] }')
    echo "longest frame: $before ms before it, $DURING ms without user space, $after ms after it"
}

start_scheduler
game_survives kill
wait_scheduler_exit 10
assert_eq "exit status after SIGKILL" 137 "$SCHEDULER_STATUS"
assert_eq "state of sched_ext" disabled "$(scx_state)"

start_scheduler
game_survives stop
assert_eq "state of sched_ext after 2 s without user space" disabled "$(scx_state)"
wait_scheduler_exit 10 # the benchmark has let it go on
assert_eq "exit status of a scheduler that left by itself" "$EXIT_SILENT" "$SCHEDULER_STATUS"
