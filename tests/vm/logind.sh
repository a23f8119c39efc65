#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whose programs are workloads, by a real logind: those of the user whose session is in front at the seat, who
# may be another one a moment later.
# vm kernels: main
# vm root: systemd
# vm cpus: 2
# vm timeout: 240
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

PLAYER=$(id -u player)
useradd --no-create-home other
OTHER=$(id -u other)

base_config >$CONFIG
# Nobody needs a user manager here.
assert_ok "no user manager" systemctl mask --runtime user@.service
assert_ok "logind" systemctl start systemd-logind
[ -e /run/systemd/seats ] || fail "logind keeps no seats here"
start_daemon

# login UID VT: sets LOGIN to the process that keeps the session, SESSION to its name
login() {
    seat-login "$1" "$2" >/tmp/session-"$1" 2>&1 &
    LOGIN=$!
    wait_for 30 "a session of $1" test -s /tmp/session-"$1"
    SESSION=$(cat /tmp/session-"$1")
    assert_ok "a session of $1" loginctl show-session "$SESSION"
}
logout() {
    kill "$1"
    wait "$1" 2>/dev/null
}
in_front() { [ "$(loginctl show-seat seat0 -p ActiveSession --value)" = "$1" ]; }
switch_to() {
    assert_ok "switch" loginctl activate "$1"
    wait_for 20 "session $1 is in front" in_front "$1"
}
start_game_of() { # UID
    [ -e $GAMES/supergame ] || install -m 755 "$(command -v vm-tasks)" $GAMES/supergame
    setpriv --reuid "$1" --regid "$1" --clear-groups $GAMES/supergame beat --threads 1 >/dev/null &
    GAME_PID=$!
}
says() { rustlandctl explain "$1" | grep -q -- "$2"; }

echo "nobody sits at the machine"
start_game_of "$PLAYER"
wait_for 20 "the game is known as nobody's" says "$GAME_PID" "- session: its user does not sit"
off || fail "on for somebody who does not sit at the machine"
end_game

echo "root's games count in any case"
start_game
wait_on
end_game
wait_off

echo "who sits at the machine, and a game that was there before"
start_game_of "$PLAYER"
player_game=$GAME_PID
login "$PLAYER" 1
player_login=$LOGIN player_session=$SESSION
switch_to "$player_session"
wait_on
wait_for 10 "the scheduler knows the game" told "$player_game"
says "$player_game" "+ session: its user sits" || fail "explain: $(rustlandctl explain "$player_game")"

echo "another user in front"
login "$OTHER" 2
other_login=$LOGIN other_session=$SESSION
switch_to "$other_session"
wait_off
gone "$player_game" && fail "the game has ended"
start_game_of "$OTHER"
wait_on
listed "$GAME_PID" || fail "not the one in front: $(rustlandctl list)"
listed "$player_game" && fail "the one behind, too: $(rustlandctl list)"
end_game
wait_off

echo "and back"
switch_to "$player_session"
wait_on
echo "logged out"
logout "$player_login"
wait_off
logout "$other_login"
kill "$player_game"
end_daemon TERM
