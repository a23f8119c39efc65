#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The benchmark's setups: game, load and desktop are in the sessions and control groups that they
# should be in while a cell runs, every load runs, and nothing stays behind.
# vm kernels: main
# vm cpus: 2
# vm timeout: 150
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

CGROUP=/sys/fs/cgroup
RATE=60000 # iterations a millisecond: both CPUs busy

# By the name that a process has given itself; busybox's pgrep looks at the program's.
pid_of() {
    local file name
    for file in /proc/[0-9]*/comm; do
        name=
        { read -r name <"$file"; } 2>/dev/null # a process that has ended has none
        if [ "$name" = "$1" ]; then
            file=${file#/proc/}
            echo "${file%/comm}"
            return
        fi
    done
    return 1
}
running() { pid_of "$1" >/dev/null; }

# Without the benchmark's process id, which names the folder of its groups.
group_of() { sed -n "s|^0::||; s|rustland-bench.[0-9]*|BENCH|p" "/proc/$(pid_of "$1")/cgroup"; }
session_of() {
    local stat fields
    stat=$(cat "/proc/$(pid_of "$1")/stat")
    read -ra fields <<<"${stat##*) }"
    echo "${fields[3]}"
}

start_cell() { # CELL [SECONDS]
    rustland-bench --cell "$1" --duration "${2-1}" --warmup 0.5 --iterations-per-ms $RATE --json \
        >/tmp/result.json 2>/tmp/bench.err &
    BENCH=$!
    local name
    for name in bench-game bench-composer bench-sound bench-load; do
        wait_for 10 "$name runs ($1; $(cat /tmp/bench.err))" running $name
    done
}

finish_cell() { # CELL
    local status=0
    wait $BENCH || status=$?
    assert_eq "exit status of $1 ($(cat /tmp/bench.err))" 0 $status
    ! running bench-game || fail "$1: the game is still there"
    # shellcheck disable=SC2144 # there is one such folder at most
    [ ! -e $CGROUP/rustland-bench.* ] || fail "$1: a control group has stayed"
}

# check_setup SETUP GAME LOAD DESKTOP SESSIONS: groups, and how many sessions the three have
check_setup() {
    local cell=light/hog:2@$1
    start_cell "$cell" 6 # looking at its processes takes seconds beside the hogs
    wait_for 10 "the hogs run" running bench-hog
    assert_eq "group of the game in $1" "$2" "$(group_of bench-game)"
    assert_eq "group of the load in $1" "$3" "$(group_of bench-load)"
    assert_eq "group of the load's processes in $1" "$3" "$(group_of bench-hog)"
    assert_eq "group of the compositor in $1" "$4" "$(group_of bench-composer)"
    assert_eq "group of the sound server in $1" "$4" "$(group_of bench-sound)"
    assert_eq "sessions in $1" "$5" "$(for name in bench-game bench-hog bench-composer; do
        session_of $name
    done | sort -u | wc -l)"
    assert_eq "session of the sound server" "$(session_of bench-composer)" "$(session_of bench-sound)"
    finish_cell "$cell"
}

check_setup one-session '' '' '' 2
check_setup sessions '' '' '' 3
check_setup app-slice /BENCH/app.slice/game.scope /BENCH/app.slice/load.scope /BENCH/session.slice 2
check_setup cgroups /BENCH/game /BENCH/load /BENCH/session.slice 2

# Scopes of applications are no groups to the scheduler, their slice is.
start_cell light/hog:2@app-slice 6
assert_eq "controllers below the slice" "" "$(cat $CGROUP/rustland-bench.*/app.slice/cgroup.subtree_control)"
assert_match "controllers of the slice" cpu "$(cat $CGROUP/rustland-bench.*/app.slice/cgroup.controllers)"
finish_cell light/hog:2@app-slice

# Every load and game runs, and does something.
for cell in heavy/compile:4 jobs/naps:4 single/storm:4 fast/naphog:2 loading/pipe:2 light/io:4 \
    heavy/mixed:4,sleepers=1 heavy/shader:2 heavy/encoder:2; do
    start_cell "$cell"
    finish_cell "$cell"
    assert_match "work of the load in $cell" '"load_iterations_per_s": [1-9]' "$(cat /tmp/result.json)"
    assert_match "frames of $cell" '"count": [1-9]' "$(cat /tmp/result.json)"
    # At least a second of them; the window ends with a frame, which can be late.
    assert_match "audio of $cell" '"periods": (1[89][0-9]|[2-9][0-9][0-9])' "$(cat /tmp/result.json)"
done

# A group that cannot be made is said in one line, and nothing has been started.
echo -cpu >$CGROUP/cgroup.subtree_control
mount -o remount,ro $CGROUP || fail "cannot remount $CGROUP"
rustland-bench --cell light/hog:2@cgroups --iterations-per-ms $RATE >/tmp/result.json 2>/tmp/bench.err
assert_eq "exit status without control groups" 1 $?
assert_match "the reason" 'light/hog:2@cgroups: setup cgroups: .*Read-only' "$(cat /tmp/bench.err)"
! running bench-game || fail "a game was started"
