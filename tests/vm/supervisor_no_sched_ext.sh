#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On a kernel without sched_ext the supervisor stays up, says why, and starts nothing.
# vm kernels: smoke
# vm on: none
# vm cpus: 1
# vm timeout: 30
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

printf '#!/bin/sh\necho started >>/tmp/started\n' >/tmp/witness
chmod +x /tmp/witness
base_config /tmp/witness >$CONFIG
start_daemon
assert_match "what the daemon logs" "this kernel has no sched_ext" "$(cat $DAEMON_LOG)"
assert_eq "kernel in the status" "no sched_ext" "$(field kernel)"
start_game
wait_for 5 "the game is seen" listed supergame
assert_match "reason" "this kernel has no sched_ext" "$(field because)"
status=0
said=$(rustlandctl start 2>&1) || status=$?
assert_eq "exit status of rustlandctl start" 1 "$status"
assert_match "what it says" "this kernel has no sched_ext.*CONFIG_SCHED_CLASS_EXT" "$said"
status=0
said=$(rustlandctl doctor) || status=$?
assert_eq "exit status of rustlandctl doctor" 1 "$status"
assert_match "what it says" "bad +[^
]*sched_ext" "$said"
end_game
wait_for 5 "the game's end is seen" not listed supergame
[ ! -e /tmp/started ] || fail "the scheduler was started"
assert_eq "failures" 0 "$(count ' failed ')"
end_daemon TERM
