# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source=tests/vm/supervisor_lib.sh
# Both daemons, built with the sanitizers, between root, a game and hostile users: nothing is lost, and
# root is answered. This build has no vm-tasks.
. "$(dirname "$0")/supervisor_lib.sh"

# Whatever the sanitizers have to say ends the program, and stays here.
REPORTS=/tmp/sanitizer
export ASAN_OPTIONS=log_path=$REPORTS UBSAN_OPTIONS=log_path=$REPORTS:print_stacktrace=1

# Each run of a program takes long with the sanitizers: what can be seen without one is.
on() { scx_is enabled && [[ $(scx_ops) == rustland* ]]; }
off() { scx_is disabled; }
answers_or_died() { gone "$DAEMON_PID" || [ -S /run/rustland/control.sock ]; }
# Waits until the scheduler is told the game.
wait_told() {
    local tries=0
    until told "$GAME_PID"; do
        [ $((++tries)) -le 20 ] || fail "the scheduler does not know the game"
        sleep 0.5
    done
}

# A game that counts, so that one sees that it goes on.
start_counter() {
    [ -e $GAMES/supergame ] || cp "$(command -v bash)" $GAMES/supergame
    # shellcheck disable=SC2016
    $GAMES/supergame -c 'n=0; while sleep 0.05; do echo $((++n)) >/tmp/counted; done' &
    GAME_PID=$!
}
counted() { cat /tmp/counted; }

assert_no_reports() {
    local file
    for file in "$REPORTS"*; do
        [ ! -e "$file" ] || fail "a sanitizer has something to say: $(head -n 40 "$file")"
    done
}

# assert_never KIND: nothing of this kind is on the daemon's record
assert_never() {
    assert_eq "on record as $1" 0 "$(rustlandctl history | grep -c " $1 ")"
}

besieged_for() { # SECONDS
    local seq before
    {
        base_config
        printf '\n[workload odd]\nprogram = hostile-*\nsession = any\nclass = normal\n'
    } >$CONFIG
    grep -q __asan_init "$RUSTLAND" || fail "this build has no sanitizers"
    start_daemon
    start_counter
    wait_on
    wait_told
    seq=$(scx_enable_seq)
    before=$(counted)

    mkdir /tmp/programs
    hostile --control /run/rustland/control.sock --scheduler /run/rustland/scheduler.sock \
        --programs /tmp/programs --seconds "$1" --limit 5 || fail "root was not served"

    echo "nothing is lost"
    gone "$DAEMON_PID" && fail "the daemon is gone"
    on || fail "the scheduler is not on any more"
    assert_eq "attachments" 0 $(($(scx_enable_seq) - seq))
    told "$GAME_PID" || fail "the scheduler does not know the game any more"
    # At its rate of 20 a second the game would have counted to four times that.
    assert_le "what the game should have counted to" $((before + $1 * 5)) "$(counted)"
    grep -q 'belongs to workload odd' $DAEMON_LOG || fail "no odd program was seen"
    assert_eq "lines in the log that are not the daemon's" 0 "$(grep -vc '^rustlandd: ' $DAEMON_LOG)"
    assert_never hold
    assert_never command

}

# To load a scheduler takes long with the sanitizers.
next_game() {
    echo "the next game is told"
    end_game
    wait_off
    start_counter
    wait_on
    wait_told
}

all_ends_well() {
    end_game
    wait_off
    assert_never failed
    assert_never exited
    end_daemon TERM
    assert_no_reports
}
