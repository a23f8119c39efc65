# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source=tests/vm/lib.sh
# For the supervisor's tests: a daemon of its own configuration, games, and what is seen of them.
. "$(dirname "$0")/lib.sh"

CONFIG=/tmp/rustland.conf
DAEMON_LOG=/tmp/rustlandd.log
DAEMON_PID=
GAMES=/tmp/games
RUSTLAND=$(command -v rustland)
mkdir -p $GAMES
: >$DAEMON_LOG

# What every configuration here begins with. The times are short: nobody plays.
base_config() { # [SCHEDULER]
    cat <<EOT
[supervisor]
scheduler = ${1:-$RUSTLAND}
linger = 300ms
min_dwell = 0s
restart_initial = 200ms
restart_factor = 1
restart_jitter = 0
switch_limit = 1000/1s
stop_timeout = 1s
runner = child

[workload game]
program = supergame
EOT
    # A class is for who can be told it.
    [ "${1:-$RUSTLAND}" != "$RUSTLAND" ] || echo "class = foreground"
}

start_daemon() { # OPTION…
    start_daemon_by env rustlandd "$@"
}
start_daemon_by() { # PROGRAM… that runs the daemon
    "$@" --config $CONFIG >>$DAEMON_LOG 2>&1 &
    DAEMON_PID=$!
    trap show_logs EXIT
    wait_for 10 "the daemon answers" answers_or_died
    gone $DAEMON_PID && fail "the daemon ended instead of answering: $(tail -n 5 $DAEMON_LOG)"
    return 0
}
answers_or_died() { gone "$DAEMON_PID" || rustlandctl status; }

show_logs() {
    local status=$?
    if [ $status -ne 0 ] && [ $status -ne 77 ]; then
        echo "--- the daemon's log:"
        tail -n 60 $DAEMON_LOG
        echo "--- the scheduler's log:"
        tail -n 10 /run/rustland/scheduler.log
        echo "--- status:"
        timeout 5 rustlandctl status
    fi
}

# foreign_scheduler OPTION…: somebody else's, as start_scheduler starts it
foreign_scheduler() {
    start_scheduler --socket /tmp/foreign.sock "$@"
    trap show_logs EXIT
}

# end_daemon SIGNAL [STATUS]: returns when it is gone.
end_daemon() {
    local status=0
    kill "-$1" "$DAEMON_PID" || fail "the daemon is not running any more"
    wait_for 15 "the daemon ends after SIG$1" gone "$DAEMON_PID"
    wait "$DAEMON_PID" 2>/dev/null || status=$?
    assert_eq "exit status of the daemon after SIG$1" "${2:-0}" "$status"
}

# field NAME: the rest of a line of the status, such as "scheduler" or "because"
field() { rustlandctl status | sed -n "s/^$1: *//p"; }
state_is() { [[ $(field scheduler) == "$1"* ]]; }
scheduler_pid() { sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p' /run/rustland/state.json; }

on() { scx_is enabled && [[ $(scx_ops) == rustland* ]] && state_is on; }
off() { scx_is disabled && state_is off; }
# The kernel is the judge, the status has to agree with it.
wait_on() { wait_for 20 "${1:-the scheduler is on}" on; }
wait_off() { wait_for 20 "${1:-the scheduler is off}" off; }

# listed TEXT: it occurs among the processes that count as workloads.
listed() { [[ $(rustlandctl list) == *"$1"* ]]; }

# told PID: the scheduler has confirmed that it knows the process as foreground
told() {
    local status
    status=$(rustlandctl status --json | tr -d ' \n')
    [[ $status =~ \"foreground\":\[([0-9,]*,)?$1[],] ]]
}

# start_game [NAME]: a program under a game's name; sets GAME_PID.
start_game() {
    local program=$GAMES/${1:-supergame}
    [ -e "$program" ] || cp "$(command -v vm-tasks)" "$program"
    "$program" beat --threads 1 >/dev/null &
    GAME_PID=$!
}
end_game() {
    kill -"${1:-TERM}" "$GAME_PID"
    wait "$GAME_PID" 2>/dev/null
}

# number JSON-KEY: a number of the status
number() { rustlandctl status --json | sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p"; }

# How often the daemon has put this on record: count REGEX; counted N REGEX
count() { rustlandctl history | grep -c -- "$1"; }
counted() { [ "$(count "$2")" = "$1" ]; }
not() { ! "$@"; }
