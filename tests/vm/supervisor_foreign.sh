#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A scheduler that somebody else has attached is left alone, unless a person says otherwise; and who
# takes ours out of the kernel is not fought either.
# vm kernels: main
# vm cpus: 2
# vm timeout: 120
# vm expect-sched-ext-error: sysrq
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

EXIT_SYSRQ=13
noticed() { [[ $(rustlandctl status) == *"which somebody else started"* ]]; }
base_config >$CONFIG

echo "it was there before the daemon"
foreign_scheduler --policy fifo
foreign=$SCHEDULER_PID
attached=$(scx_enable_seq)
start_daemon
start_game
wait_for 5 "the game is seen" listed supergame
assert_match "reason" "which somebody else started .process $foreign, rustland.*: left alone" "$(field because)"
status=0
said=$(rustlandctl start 2>&1) || status=$?
assert_eq "exit status of rustlandctl start" 1 "$status"
assert_match "what it says" "end process $foreign, or take over: sudo rustlandctl start --take-over" "$said"
status=0
said=$(rustlandctl stop 2>&1) || status=$?
assert_eq "exit status of rustlandctl stop" 1 "$status"
assert_match "what it says" "the kernel still runs rustland" "$said"
assert_ok "resume" rustlandctl resume
said=$(rustlandctl doctor || true)
assert_match "what doctor says" "other scheduler: the kernel runs rustland.*, which somebody else" "$said"
gone "$foreign" && fail "the foreign scheduler is gone"
assert_eq "attachments" "$attached" "$(scx_enable_seq)"

echo "once it is gone, ours comes for the game that still runs"
stop_scheduler
wait_on

echo "it cannot displace ours"
status=0
rustland --policy fifo >/tmp/second 2>&1 || status=$?
assert_eq "exit status of a second scheduler" "$EXIT_OTHER_SCHEDULER" "$status"
on || fail "ours is gone"
end_game
wait_off

echo "it comes while ours is off; a person takes over"
SCHEDULER=(bad-policy wrong)
foreign_scheduler
wait_for 5 "it is noticed" noticed
assert_ok "take-over" rustlandctl start --take-over
wait_on
wait_scheduler_exit 10
assert_eq "exit status of the other scheduler" "$EXIT_SYSRQ" "$SCHEDULER_STATUS"
assert_eq "reason" "started by command" "$(field because)"
assert_ok "stop" rustlandctl stop
wait_off
start_game
wait_for 5 "the game is known" listed supergame
assert_match "a game does not undo a stop" "^stopped by command" "$(field because)"
state_is off || fail "a game has undone the stop"
end_game
wait_for 5 "the game is forgotten" not listed supergame
assert_ok "resume" rustlandctl resume
sleep 0.5 # longer than the linger

echo "SysRq-S during a game: ours stays away until the next game"
start_game
wait_on
began=$(now_ms)
echo S >/proc/sysrq-trigger # a small one would be another
wait_for 5 "noticed" state_is off
echo "noticed and off after $(($(now_ms) - began)) ms"
assert_match "last run" "^ended from outside .*: " "$(field "last run")"
attached=$(scx_enable_seq)
assert_match "reason" "^stopped from outside" "$(field because)"
end_game
wait_for 5 "the game is forgotten" not listed supergame
assert_eq "attachments" "$attached" "$(scx_enable_seq)"
start_game
wait_on "the next game starts it again, also within the linger"
end_game
wait_off
end_daemon TERM
