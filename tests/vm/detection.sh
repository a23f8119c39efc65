#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The shipped rules on what games and sessions look like to the kernel: Steam in a sandbox, whose games do
# not descend from it, and gamescope around a whole session and around one game.
# vm kernels: main
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

sed -e "s|^#scheduler = .*|scheduler = $RUSTLAND|" -e 's/^#linger = .*/linger = 300ms/' \
    -e 's/^#min_dwell = .*/min_dwell = 0s/' -e 's|^#switch_limit = .*|switch_limit = 1000/1s|' \
    -e 's/^#runner = .*/runner = child/' /rustland/rustland.conf >$CONFIG
start_daemon

# pose COMM ARGV0 ARG…: sets POSED to the process
pose() {
    vm-tasks pose "$@" &
    POSED=$!
    wait_for 10 "$1 looks like itself" looks_like "$POSED" "$1"
}
looks_like() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }
ended() {
    kill -KILL "$@"
    wait "$@" 2>/dev/null
}
join() { # SCOPE PID: of the applications of a user
    local cgroup=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/$1
    mkdir -p "$cgroup"
    echo "$2" >"$cgroup/cgroup.procs" || fail "cannot join $cgroup"
}
decided() { # PID WHAT: what explain says of it in the end
    assert_ok "explain" rustlandctl explain "$1"
    assert_match "explain $1" "$2" "$OUTPUT"
}
member() { rustlandctl list | grep -Eq "$1.* $2 "; }

echo "Steam in a sandbox, and a game beside it"
steam=app-flatpak-com.valvesoftware.Steam
pose reaper reaper SteamLaunch AppId=440 -- game
reaper=$POSED
join $steam-1111.scope "$reaper"
pose tf_linux64 /home/u/.local/share/Steam/steamapps/common/tf2/tf_linux64 -game tf
game=$POSED
join $steam-2222.scope "$game"
wait_on
wait_for 10 "the scheduler knows the game" told "$game"
decided "$game" "counts as a game,? by the rule steam"
ended "$reaper" "$game"
wait_off

echo "a session of gamescope, with Steam and no game"
pose gamescope-wl gamescope -e -- steam -gamepadui
session=$POSED
pose steam /home/u/.local/share/Steam/ubuntu12_32/steam -gamepadui
shop=$POSED
pose fossilize_repla fossilize_replay x
shaders=$POSED
wait_for 5 "the last of them is looked at" rustlandctl explain "$shaders"
decided "$session" "is no game: the rule deny-gamescope-session keeps it out"
decided "$shop" "is no game: no rule matches"
decided "$shaders" "is no game: the rule deny-shaders keeps it out"
# As long as the later looks take.
looked=$(number judged)
judged_more() { [ "$(number judged)" -ge $((looked + 5)) ]; }
(for _ in 1 2 3 4 5; do /bin/busybox true; done)
wait_for 10 "further processes are looked at" judged_more
off || fail "on without a game: $(rustlandctl list)"

echo "and a game in it"
pose reaper reaper SteamLaunch AppId=570 -- game
game=$POSED
wait_on
wait_for 10 "the scheduler knows the game" told "$game"
told "$session" && fail "the session is in the foreground"
ended "$game"
wait_off "off in the session once the game has ended"
ended "$session" "$shop" "$shaders"

echo "gamescope around one game"
pose gamescope-wl gamescope -W 1280 -- /opt/game/game
wait_on
decided "$POSED" "counts as a game,? by the rule gamescope"
ended "$POSED"
wait_off
end_daemon TERM
