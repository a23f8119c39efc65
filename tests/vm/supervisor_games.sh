#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The scheduler comes on when a game starts and goes when it ends, however the game is told.
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

{
    base_config
    cat <<'EOT'

[workload scope]
cgroup = */app-steam-app*.scope
class = foreground

[workload racer]
comm = racer

[workload denied]
program = launcher
deny = yes
EOT
} >$CONFIG
start_daemon
assert_eq "state with nothing to do" off "$(field scheduler)"
assert_match "source of events" "rustlandd: runs; process events \(exec and rename\)" "$(rustlandctl doctor || true)"

echo "by name"
seq=$(scx_enable_seq)
start_game
wait_on
assert_eq "attachments" 1 $(($(scx_enable_seq) - seq))
assert_match "scheduler in the status" "^on +$RUSTLAND" "$(field scheduler)"
assert_eq "reason" "workload game" "$(field because)"
assert_match "kernel in the status" "^enabled \(rustland" "$(field kernel)"
wait_for 5 "the scheduler knows the game" told "$GAME_PID"
ended=$(now_ms)
end_game
wait_off
assert_le "time to detach, ms" $(($(now_ms) - ended)) 2000
assert_match "reason" "^no game runs; it comes on by itself" "$(field because)"
[ ! -e /run/rustland/state.json ] || fail "the state file outlives the scheduler"

echo "by its cgroup, joined after exec"
scope=/sys/fs/cgroup/app.slice/app-steam-app1234-567.scope
mkdir -p $scope
start_game tool
wait_for 5 "the process runs" ran_for "$GAME_PID" 0
listed tool && fail "a process is taken for a game before it joins the game's cgroup"
echo "$GAME_PID" >$scope/cgroup.procs
wait_on
assert_eq "reason" "workload scope" "$(field because)"
end_game
wait_off

echo "by a name that it gets after exec"
cat >$GAMES/loader <<'EOT'
#!/bin/sh
while read -r name <&3; do printf '%s' "$name" >/proc/self/comm; done
EOT
chmod +x $GAMES/loader
mkfifo /tmp/names
$GAMES/loader 3</tmp/names &
loader=$!
exec 4>/tmp/names
wait_for 5 "the daemon has looked at the loader" rustlandctl explain $loader
off || fail "on although nothing is a game"
echo racer >&4
wait_on
assert_eq "reason" "workload racer" "$(field because)"
echo "and stays when it is renamed again"
echo other >&4
wait_for 5 "the new name is seen" grep -qx other /proc/$loader/comm
rustlandctl explain $loader | grep -q "counts as a game by the rule racer, which it matched when it began" || fail "the rename released it"
exec 4>&-
wait "$loader"
wait_off

echo "a child of a game goes on after the game's own process has ended"
cat >$GAMES/supergame.sh <<'EOT'
#!/bin/bash
exec -a supergame bash -c 'vm-tasks beat --threads 1 >/dev/null & echo $! >/tmp/child; read -r _ </tmp/names'
EOT
chmod +x $GAMES/supergame.sh
$GAMES/supergame.sh &
parent=$!
wait_on
wait_for 5 "the child is known" listed "$(cat /tmp/child)"
rustlandctl list | grep -q "$(cat /tmp/child).*parent" || fail "not as a child: $(rustlandctl list)"
# It has the parent's class: it is told by itself only once that is gone.
wait_for 5 "the scheduler knows the parent" told "$parent"
told "$(cat /tmp/child)" && fail "the child is told beside its parent"
kill -KILL $parent
wait "$parent" 2>/dev/null
wait_for 5 "the parent is forgotten" not listed "$parent"
wait_for 5 "the scheduler knows the child" told "$(cat /tmp/child)"
on || fail "off although the game's child still runs"
kill -TERM "$(cat /tmp/child)"
wait_off

echo "a denied program is no game"
start_game launcher
wait_for 5 "the process runs" ran_for "$GAME_PID" 0
rustlandctl explain "$GAME_PID" | grep -q "is no game: the rule denied keeps it out" || fail "not denied"
off || fail "on for a denied program"
end_game

echo "a storm of processes, a game that starts in it, and one more scan"
judged=$(number judged)
vm-tasks storm --parents 2 --children 400 >/tmp/storm &
storm=$!
(for _ in {1..60}; do /bin/busybox true; done) &
start_game
wait_on
wait $storm || fail "the storm lost a process: $(cat /tmp/storm)"
cat /tmp/storm
on || fail "off although the game still runs"
[ "$(number judged)" -gt "$judged" ] || fail "no process was looked at"
assert_eq "lost events" 0 "$(number overruns)"
end_game KILL
wait_off

end_daemon TERM
[ ! -e /run/rustland/control.sock ] || fail "the daemon left its socket"
