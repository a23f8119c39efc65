#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Scheduler, daemon and game are killed in every order, and stopped without being told.
# vm kernels: main
# vm cpus: 2
# vm timeout: 180
# vm expect-sched-ext-error: unregistered from BPF
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

base_config >$CONFIG

new_scheduler() { # OLD-PID
    on && [ "$(scheduler_pid)" != "$1" ] && ! gone "$(scheduler_pid)"
}

echo "the scheduler is killed: another one comes, as long as the game runs"
start_daemon
start_game
wait_on
killed=$(scheduler_pid)
kill -KILL "$killed"
wait_for 20 "another scheduler is on" new_scheduler "$killed"
assert_match "last run" "^crashed .*: killed by SIGKILL" "$(field "last run")"

echo "the scheduler, then the game"
kill -KILL "$(scheduler_pid)"
end_game KILL
wait_for 10 "the crash is on record" counted 2 'crashed: killed'
wait_off
attached=$(scx_enable_seq)

echo "the game, then the scheduler"
start_game
wait_on
end_game KILL
kill -KILL "$(scheduler_pid)"
wait_off
assert_eq "attachments" $((attached + 1)) "$(scx_enable_seq)"

echo "the daemon: the scheduler stays, and the next daemon takes it over"
start_game
wait_on
attached=$(scx_enable_seq)
adopted=$(scheduler_pid)
end_daemon KILL 137
scx_is enabled || fail "the scheduler went with its killed daemon"
start_daemon
wait_on
assert_eq "attachments" "$attached" "$(scx_enable_seq)"
assert_eq "process of the scheduler" "$adopted" "$(scheduler_pid)"
gone "$adopted" && fail "the adopted scheduler is gone"
echo "and watches over it"
kill -KILL "$adopted"
wait_for 20 "another scheduler is on" new_scheduler "$adopted"

echo "the daemon, then the scheduler"
end_daemon KILL 137
killed=$(scheduler_pid)
kill -KILL "$killed"
wait_for 10 "the kernel notices" scx_is disabled
start_daemon
wait_for 20 "another scheduler is on" new_scheduler "$killed"

echo "the daemon, then the game: the next daemon cleans up"
end_daemon KILL 137
end_game KILL
scx_is enabled || fail "the scheduler went with its killed daemon"
start_daemon
wait_off
[ ! -e /run/rustland/state.json ] || fail "the state file outlives the scheduler"

echo "all three at once"
start_game
wait_on
kill -KILL "$GAME_PID" "$(scheduler_pid)" "$DAEMON_PID"
wait "$GAME_PID" "$DAEMON_PID" 2>/dev/null
wait_for 10 "the kernel notices" scx_is disabled
start_daemon
wait_off

echo "a stopped scheduler leaves the kernel by itself, and is replaced"
start_game
wait_on
stopped=$(scheduler_pid)
kill -STOP "$stopped"
spin_anywhere
spin_anywhere
spin_anywhere
wait_for 10 "the kernel gives the tasks back" scx_is disabled
stop_spinners
wait_for 20 "another scheduler is on" new_scheduler "$stopped"
gone "$stopped" || fail "the stopped scheduler is still there"
assert_match "last run" "^(stalled|ejected) .*: " "$(field "last run")"

echo "a stopped daemon: the scheduler goes on, and what happened meanwhile is found afterwards"
kill -STOP "$DAEMON_PID"
status=0
said=$(rustlandctl status 2>&1) || status=$?
assert_eq "exit status of rustlandctl while the daemon is stopped" 1 "$status"
assert_match "what it says" "does not answer" "$said"
end_game
scx_is enabled || fail "the scheduler went with its stopped daemon"
kill -CONT "$DAEMON_PID"
wait_off
kill -STOP "$DAEMON_PID"
start_game
wait_for 5 "the game runs" ran_for "$GAME_PID" 0
scx_is disabled || fail "who has started the scheduler?"
kill -CONT "$DAEMON_PID"
wait_on
end_game
wait_off
end_daemon TERM
