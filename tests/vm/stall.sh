#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The scheduler is killed, or stopped, while a game runs beside a build: the game goes on.
# vm cpus: 4
# vm timeout: 90
# vm expect-sched-ext-error: unregistered from BPF
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# game_survives WHAT: a game of some seconds; once it runs, the command WHAT.
game_survives() {
    local bench longest
    rustland-bench --load build --slots 8 --duration 4 --warmup 0.5 --json \
        --game-hook 'touch /tmp/game-runs' >/tmp/bench.json 2>/tmp/bench.err &
    bench=$!
    wait_for 20 "the game runs" test -e /tmp/game-runs
    sleep 1.5 # into the part that is measured
    "$@"
    wait_for 30 "the end of the game" gone "$bench"
    wait "$bench" || fail "the benchmark failed: $(cat /tmp/bench.err)"
    rm /tmp/game-runs
    longest=$(longest_frame_ms)
    echo "longest frame after '$*': $longest ms"
    assert_le "longest frame, ms" "${longest%.*}" 100
}

longest_frame_ms() { tr ',{' '\n' </tmp/bench.json | sed -n 's/.*"max_ms": *//p' | head -n 1; }
kill_it() { kill -KILL "$SCHEDULER_PID"; }
stop_it() { kill -STOP "$SCHEDULER_PID"; }

start_scheduler
game_survives kill_it
wait_scheduler_exit 10
assert_eq "exit status after SIGKILL" 137 "$SCHEDULER_STATUS"
wait_for 5 "sched_ext is disabled" scx_is disabled

start_scheduler
game_survives stop_it
assert_eq "state of sched_ext after 2 s without user space" disabled "$(scx_state)"
kill -CONT "$SCHEDULER_PID"
wait_scheduler_exit 10
assert_eq "exit status of a scheduler that left by itself" "$EXIT_SILENT" "$SCHEDULER_STATUS"
