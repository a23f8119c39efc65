#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What serves a workload is in the foreground while the workload is, without what descends from it.
# vm kernels: main
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

{
    base_config | sed 's/^runner/default_action = start\nrunner/'
    cat <<'EOT'
companions = screen

[companion screen]
program = compositor
EOT
} >$CONFIG

# Half of a desktop descends from its compositor: a child from the beginning, another when it is told.
# All compete for one CPU with a task that has nothing to do with them.
cp "$(command -v bash)" $GAMES/compositor
# shellcheck disable=SC2016 # for the inner shell
taskset -c 1 $GAMES/compositor -c '
    spin() { exec sh -c "while :; do :; done"; }
    trap "spin & echo \$! >/tmp/second" USR1
    spin &
    echo $! >/tmp/first
    while :; do :; done' &
compositor=$!
wait_for 10 "the first child" test -s /tmp/first
first=$(cat /tmp/first)
spin_on 1
other=${SPINNERS[0]}

serves() {
    local status
    status=$(rustlandctl status --json | tr -d ' \n')
    [[ $status =~ \"companions\":\[$compositor\] ]]
}

# measure PID…: sets TICKS to the CPU time of each within 3 s, in hundredths of a second
measure() {
    local pid at_start=()
    for pid in "$@"; do at_start+=("$(cpu_ticks "$pid")"); done
    sleep 3
    TICKS=()
    for pid in "$@"; do TICKS+=($(($(cpu_ticks "$pid") - ${at_start[${#TICKS[@]}]}))); done
}
assert_alike() { # WHAT: the last is the other
    local ticks other_ticks=${TICKS[-1]}
    echo "$1: ${TICKS[*]} ticks"
    for ticks in "${TICKS[@]}"; do
        if [ "$ticks" -gt $((other_ticks * 2)) ] || [ $((ticks * 2)) -lt "$other_ticks" ]; then
            fail "$1: not alike: ${TICKS[*]}"
        fi
    done
}
assert_first() { # WHAT: the compositor before all others, who are alike
    local first_ticks=${TICKS[0]}
    echo "$1: ${TICKS[*]} ticks"
    [ "$first_ticks" -ge $((TICKS[-1] * 4)) ] || fail "$1: the compositor does not come first: ${TICKS[*]}"
    TICKS=("${TICKS[@]:1}")
    assert_alike "$1, the others"
}

start_daemon
wait_on
listed "$compositor" || fail "the compositor is not listed: $(rustlandctl list)"
assert_ok "explain" rustlandctl explain $compositor
assert_match "explain" "is the companion screen, while a game" "$OUTPUT"
serves && fail "it is in the foreground without a workload"
measure $compositor "$first" "$other"
assert_alike "without a game"

echo "a game"
start_game
wait_for 10 "the scheduler knows the compositor" serves
measure $compositor "$first" "$other"
assert_first "beside a game"
kill -USR1 $compositor
wait_for 10 "the second child" test -s /tmp/second
second=$(cat /tmp/second)
measure $compositor "$second" "$first" "$other"
assert_first "beside a game, with a new child"
rustlandctl list | grep -q "companion screen.*foreground" || fail "not listed so: $(rustlandctl list)"

echo "no game any more"
kill -KILL "$second"
end_game
wait_for 10 "the compositor is as all others" not serves
on || fail "the scheduler went"
measure $compositor "$first" "$other"
assert_alike "after the game"

kill -KILL $compositor "$first"
stop_spinners
wait_for 10 "the compositor is forgotten" not listed $compositor
end_daemon TERM
