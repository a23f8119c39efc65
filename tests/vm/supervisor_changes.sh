#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Schedulers that cannot work, configurations that change, and a daemon that is stopped or replaced,
# all while a game runs.
# vm kernels: main
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

quarantined() { [[ $(field quarantine) == *"$1"* ]]; }

echo "a scheduler that is not there"
base_config /tmp/no-such-scheduler >$CONFIG
start_daemon
start_game
wait_for 20 "quarantine" quarantined /tmp/no-such-scheduler
assert_match "reason" "quarantine" "$(field because)"
assert_match "reason" "No such file or directory" "$(field because)"
assert_eq "tries" 1 "$(count ' failed .*No such file')"
said=$(rustlandctl doctor || true)
assert_match "what doctor says" "bad .*failures: /tmp/no-such-scheduler is not started any more" "$said"

echo "one that is no program, one that ends at once, one that never attaches"
printf 'garbage' >/tmp/garbage
printf '#!/bin/sh\necho "no such policy" >&2\nexit 1\n' >/tmp/failing
printf '#!/bin/sh\ntrap "" INT TERM\nwhile :; do sleep 1000; done\n' >/tmp/hanging
chmod +x /tmp/garbage /tmp/failing /tmp/hanging
status=0
said=$(rustlandctl start --scheduler /tmp/garbage 2>&1) || status=$?
assert_eq "exit status of rustlandctl" 1 "$status"
assert_match "reason" "/tmp/garbage: Exec format error" "$said"
said=$(rustlandctl start --scheduler /tmp/failing 2>&1) && fail "a failing scheduler was started"
assert_match "reason" "exited with status 1: no such policy" "$said"
base_config /tmp/hanging | sed '/^runner/a start_timeout = 500ms\ncrash_limit = 2/1min' >$CONFIG
assert_ok "reload" rustlandctl reload
wait_for 20 "quarantine" quarantined /tmp/hanging
assert_match "reason" "not attached within 500ms.*killed by SIGKILL" "$(field because)"
scx_is disabled || fail "something is attached"

echo "a reload that repairs it"
base_config >$CONFIG
assert_ok "reload" rustlandctl reload
wait_on
running=$(scheduler_pid)

echo "a reload that cannot be read changes nothing"
{
    base_config
    echo "clas = foreground"
} >$CONFIG
status=0
said=$(rustlandctl reload 2>&1) || status=$?
assert_eq "exit status of a bad reload" 1 "$status"
assert_match "what it says" "the old configuration stays" "$said"
assert_match "where" "$CONFIG:[0-9]+: .*clas" "$said"
on || fail "the bad file ended the scheduler"
assert_eq "process of the scheduler" "$running" "$(scheduler_pid)"
kill -HUP "$DAEMON_PID"
wait_for 5 "the second failure is on record" counted 2 'not reloaded'
on || fail "the bad file ended the scheduler"

echo "other arguments: a switch"
base_config | sed '/^runner/a scheduler_args = --policy fifo' >$CONFIG
kill -HUP "$DAEMON_PID"
other_arguments() { on && [[ $(field scheduler) == *"--policy fifo"* ]]; }
wait_for 20 "the scheduler has other arguments" other_arguments
assert_match "what it said" "policy fifo" "$(cat /run/rustland/scheduler.log)"

echo "the rule is gone: off, though its process runs"
base_config | sed '/^\[workload/,$d' >$CONFIG
assert_ok "reload" rustlandctl reload
wait_off
base_config >$CONFIG
assert_ok "reload" rustlandctl reload
wait_on

echo "the daemon is replaced: the scheduler stays"
attached=$(scx_enable_seq)
end_daemon USR2
scx_is enabled || fail "the scheduler went with its daemon"
start_daemon
wait_on
assert_eq "attachments" "$attached" "$(scx_enable_seq)"

echo "the daemon is stopped: the scheduler goes, too"
end_daemon TERM
scx_is disabled || fail "the scheduler is still attached"
[ ! -e /run/rustland/control.sock ] || fail "the daemon left its socket"
gone "$GAME_PID" && fail "the game went with the daemon"

echo "held for a command, without a game"
end_game
start_daemon
wait_off
assert_ok "rustlandctl run" rustlandctl run --reason test -- sh -c 'cat /sys/kernel/sched_ext/state'
assert_eq "state during the command" enabled "$OUTPUT"
wait_off
end_daemon INT
