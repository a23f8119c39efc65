#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a user does with the packages, on a Debian with systemd: install from a repository, enable,
# play, upgrade, start the machine anew, remove. Runs in a VM (ci/package vm); /share has this file,
# tests/vm/lib.sh, and the repositories repo/ and, with a lower version, previous/.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive

AS_PLAYER=(setpriv --reuid player --regid player --clear-groups)
COMPACTION=/proc/sys/vm/compact_unevictable_allowed
RECORD=/run/rustland/state.json
# Deadlines in seconds: the VM's clock runs ahead while it waits for the disk.
LONG=240 SHORT=90
STAGE=/var/lib/installed-test-stage
GAME=/home/player/games/supertuxkart
GAME_PID=

step() { echo "[$(now_ms) ms] $*"; }

on_failure() {
    local status=$?
    if [ $status -ne 0 ]; then
        journalctl --no-pager -n 60 -o short-monotonic
        rustlandctl status
        systemctl --no-pager status rustlandd rustland
    fi
}
trap on_failure EXIT

use_repository() {
    echo "deb [trusted=yes] file:/share/$1 ./" >/etc/apt/sources.list.d/rustland.list
    assert_ok "reading the repository" apt-get -q update -o Dir::Etc::sourcelist=sources.list.d/rustland.list \
        -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
}

ours_is_attached() { scx_is enabled && [[ $(scx_ops) == rustland* ]]; }
daemon_is() { [ "$(systemctl is-active rustlandd)" = "$1" ]; }
scheduler_pid() { systemctl show rustland -p MainPID --value; }
status_has() { rustlandctl status --json | tr -d ' \n' | grep -q "$1"; }
another_scheduler() { # OLD-PID
    local pid
    ours_is_attached && pid=$(scheduler_pid) && [ "$pid" != 0 ] && [ "$pid" != "$1" ]
}
daemon_answers() { daemon_is active && rustlandctl status; }
# The daemon runs, after whatever happened to it, and has the scheduler in hand.
wait_in_hand() {
    wait_for $LONG "the daemon answers" daemon_answers
    wait_for $LONG "the scheduler is on" ours_is_attached
    wait_for $SHORT "the daemon knows" status_has '"state":"on"'
    wait_for $SHORT "the scheduler is told the foreground" status_has "\"foreground\":\[[0-9,]*\b$GAME_PID\b"
}

# The game is a program of an ordinary user, known by its name alone.
start_game() {
    install -D -o player -m 755 /bin/sleep "$GAME"
    "${AS_PLAYER[@]}" "$GAME" 100000 &
    GAME_PID=$!
}
stop_game() { # [SIGNAL]
    kill -"${1:-TERM}" "$GAME_PID" && wait "$GAME_PID" 2>/dev/null
    GAME_PID=
}
play() {
    start_game
    wait_for $LONG "the scheduler is on for the game" ours_is_attached
}
stop_playing() { # [SIGNAL]
    stop_game "$@"
    wait_for $LONG "the scheduler goes after the game" scx_is disabled
    wait_for $SHORT "the machine is as before" as_before
}
# The daemon's record goes when it has heard that the scheduler has ended, a little after the scheduler.
as_before() {
    unit_is_not_active rustland && [ "$(cat $COMPACTION)" = 1 ] && [ ! -e $RECORD ]
}
unit_is_not_active() { [ "$(systemctl is-active "$1")" != active ]; }

first_boot() {
    find /etc /usr /var/lib /var/cache -xdev \( -name '*rustland*' -o -path '*rustland*' \) >/root/before
    assert_eq "compaction of locked memory at first" 1 "$(cat $COMPACTION)"
    echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/vm # the disk is thrown away
    installation
    first_game
    upgrade_in_a_game
    scheduler_is_killed
    daemon_crashes
    reload_in_a_game
    ordinary_user
    arguments_with_quotes
    another_program
    taking_over
    administrators_own
    disable_in_a_game
    step "start user space anew"
    echo second >"$STAGE"
    trap - EXIT # this is ended with everything else
    systemctl soft-reboot
    sleep 1000
}

installation() {
    step "install the version before"
    use_repository previous
    assert_ok "apt install" apt-get -q -y --no-install-recommends install \
        rustland-supervisor rustland-bench
    assert_eq "enabled after the installation" disabled "$(systemctl is-enabled rustlandd)"
    assert_eq "active after the installation" inactive "$(systemctl is-active rustlandd)"
    assert_eq "the scheduler after the installation" disabled "$(systemctl is-enabled rustland)"
    assert_ok "verify the units" systemd-analyze verify --man=no \
        rustland.service rustland-restore.service rustlandd.service
    assert_ok "check the configuration" rustlandctl check
    assert_ok "a folder for files of one's own" test -d /etc/rustland/rustland.conf.d
    # Sooner than the default, so that the test need not wait, and without its limits. Nobody sits at
    # the machine.
    install -d /etc/rustland/rustland.conf.d
    cat >/etc/rustland/rustland.conf.d/test.conf <<EOT
[supervisor]
session = any
linger = 1s
min_dwell = 0s
start_timeout = 3min
stop_timeout = 1min
restart_initial = 200ms
restart_factor = 1
crash_limit = 100/1s
switch_limit = 1000/1s
EOT
    exposure rustland.service 15
    exposure rustlandd.service 25
}

exposure() { # UNIT TENTHS
    local found
    found=$(systemd-analyze security "$1" --no-pager | sed -nE 's/.*exposure level.*: ([0-9.]+).*/\1/p')
    echo "exposure of $1: $found"
    [[ $found =~ ^[0-9]+\.[0-9]$ ]] || fail "systemd-analyze says nothing of $1"
    assert_le "exposure of $1, tenths" "$((10#${found/./}))" "$2"
}

first_game() {
    step "enable --now"
    assert_ok "enable" systemctl enable --now rustlandd
    assert_eq "sched_ext without a game" disabled "$(scx_state)"

    step "a game"
    play
    wait_in_hand
    assert_match "status" '"rule": *"native"' "$(rustlandctl status --json)"
    # A number where nobody tells names of dynamic users (libnss-systemd).
    assert_match "user of the scheduler" '^(rustland|6[1-5][0-9]{3})$' \
        "$(ps -o user= -p "$(scheduler_pid)")"
    assert_eq "compaction of locked memory" 0 "$(cat $COMPACTION)"
    # It goes on until it is ended.
    OUTPUT=$("${AS_PLAYER[@]}" timeout 3 rustland --monitor 0.5 2>&1)
    assert_match "statistics for everybody" "cpus runnable.*$(nproc)" "$OUTPUT"
}

# The package of the scheduler starts it anew, so that it is the new one; the daemon's leaves it.
upgrade_in_a_game() {
    step "upgrade in the middle of a game"
    local pid attached daemon
    pid=$(scheduler_pid) attached=$(scx_enable_seq) daemon=$(systemctl show rustlandd -p MainPID --value)
    use_repository repo
    assert_ok "apt upgrade" apt-get -q -y --no-install-recommends upgrade
    assert_eq "version" "$(dpkg-query -W -f '${Version}' rustland-bench)" \
        "$(dpkg-query -W -f '${Version}' rustland-supervisor)"
    if [[ $(dpkg-query -W -f '${Version}' rustland) == *previous ]]; then fail "nothing was upgraded"; fi
    wait_in_hand
    another_scheduler "$pid" || fail "the scheduler is still the old one"
    [ "$(systemctl show rustlandd -p MainPID --value)" != "$daemon" ] || fail "the daemon is still the old one"
    assert_eq "schedulers that were attached for the upgrade" 1 $(($(scx_enable_seq) - attached))

    step "the daemon's package alone, and a restart"
    pid=$(scheduler_pid) daemon=$(systemctl show rustlandd -p MainPID --value)
    assert_ok "reinstall" apt-get -q -y --reinstall install rustland-supervisor
    wait_in_hand
    [ "$(systemctl show rustlandd -p MainPID --value)" != "$daemon" ] || fail "the daemon was not restarted"
    assert_ok "restart" systemctl restart rustlandd
    wait_in_hand
    assert_eq "scheduler after restarts of the daemon" "$pid" "$(scheduler_pid)"

    step "the scheduler is restarted by an administrator"
    assert_ok "restart" systemctl restart rustland
    wait_for $LONG "another scheduler is on" another_scheduler "$pid"
    wait_in_hand
    stop_playing
}

scheduler_is_killed() {
    step "a scheduler that is killed comes back; then the game is killed"
    play
    local pid
    pid=$(scheduler_pid)
    kill -KILL "$pid"
    wait_for $LONG "another scheduler is on" another_scheduler "$pid"
    wait_in_hand
    pid=$(scheduler_pid)
    assert_ok "kill everything of it" systemctl kill --signal=KILL rustland
    wait_for $LONG "another scheduler is on" another_scheduler "$pid"
    wait_in_hand
    assert_eq "compaction of locked memory" 0 "$(cat $COMPACTION)"
    stop_playing KILL
}

daemon_crashes() {
    step "the daemon crashes in the middle of a game"
    play
    local pid
    pid=$(scheduler_pid)
    systemctl kill --signal=KILL --kill-whom=main rustlandd
    wait_in_hand
    assert_eq "scheduler after the crash of the daemon" "$pid" "$(scheduler_pid)"
    stop_playing

    step "the daemon crashes while the scheduler attaches"
    local attached
    attached=$(scx_enable_seq)
    start_game
    wait_for $SHORT "a start is on record" test -e $RECORD
    systemctl kill --signal=KILL --kill-whom=main rustlandd
    grep -q '"ops": ""' $RECORD || fail "it was attached already"
    wait_in_hand
    assert_eq "schedulers that were attached" 1 $(($(scx_enable_seq) - attached))
}

reload_in_a_game() {
    step "reload in the middle of a game"
    local pid
    pid=$(scheduler_pid)
    printf '[supervisor]\nnonsense = 1\n' >/etc/rustland/rustland.conf.d/zz-bad.conf
    if systemctl reload rustlandd; then fail "a bad configuration was accepted"; fi
    rm /etc/rustland/rustland.conf.d/zz-bad.conf
    assert_ok "reload" systemctl reload rustlandd
    assert_eq "scheduler after the reload" "$pid" "$(scheduler_pid)"
}

ordinary_user() {
    step "an ordinary user may ask, and not command"
    local manager=(org.rustland1 /org/rustland1 org.rustland1.Manager)
    assert_ok "status" "${AS_PLAYER[@]}" rustlandctl status
    if "${AS_PLAYER[@]}" rustlandctl stop; then fail "an ordinary user stopped the scheduler"; fi
    assert_ok "introspection" "${AS_PLAYER[@]}" busctl --system introspect "${manager[@]:0:2}"
    assert_match "introspection" 'org\.rustland1\.Manager' "$OUTPUT"
    assert_ok "a property" "${AS_PLAYER[@]}" busctl --system get-property "${manager[@]}" State
    assert_eq "the state on the bus" 's "on"' "$OUTPUT"
    OUTPUT=$("${AS_PLAYER[@]}" busctl --system call "${manager[@]}" Stop 2>&1) &&
        fail "polkit let an ordinary user stop the scheduler"
    assert_match "refusal" 'is for administrators' "$OUTPUT"
    ours_is_attached || fail "the scheduler has gone"
    assert_ok "root may" busctl --system call "${manager[@]}" Stop
    wait_for $SHORT "the scheduler is off" scx_is disabled
    stop_game
    assert_ok "resume" busctl --system call "${manager[@]}" Resume
}

# Through the file that the unit reads its arguments from.
arguments_with_quotes() {
    step "arguments with quotes"
    local group=$'/it\'s "a" $HOME `game` 50% \\x #1' given
    mkdir "/sys/fs/cgroup$group"
    assert_ok "start" rustlandctl start -- --foreground-cgroup "$group" --policy fifo
    wait_in_hand_without_game
    mapfile -d '' given <"/proc/$(scheduler_pid)/cmdline"
    assert_eq "number of arguments" 7 "${#given[@]}"
    assert_eq "argument with quotes" "$group" "${given[4]}"
    assert_ok "stop" rustlandctl stop
    wait_for $SHORT "the machine is as before" as_before
    rmdir "/sys/fs/cgroup$group"
}
wait_in_hand_without_game() {
    wait_for $SHORT "the scheduler is on" ours_is_attached
    wait_for $SHORT "the daemon knows" status_has '"state":"on"'
}

OTHER=/usr/local/sbin/other-sched
OTHER_UNIT=rustland-scheduler-other-sched.service

another_program() {
    step "another program than rustland.service's"
    install -m 755 /usr/sbin/rustland $OTHER
    assert_ok "start" rustlandctl start -s $OTHER -- --socket /run/other.sock
    wait_in_hand_without_game
    assert_eq "its unit" active "$(systemctl is-active $OTHER_UNIT)"
    assert_eq "the unit of rustland" inactive "$(systemctl is-active rustland)"
    local pid
    pid=$(systemctl show $OTHER_UNIT -p MainPID --value)
    assert_ok "restart of the daemon" systemctl restart rustlandd
    wait_for $LONG "the daemon answers" daemon_answers
    wait_in_hand_without_game
    assert_eq "its process after a restart of the daemon" "$pid" \
        "$(systemctl show $OTHER_UNIT -p MainPID --value)"
    assert_ok "stop" rustlandctl stop
    wait_for $SHORT "its unit is gone" unit_is_not_active $OTHER_UNIT
    wait_for $SHORT "the machine is as before" as_before
    assert_eq "sched_ext without it" disabled "$(scx_state)"
}

taking_over() {
    step "somebody else's scheduler is taken over from, on request"
    assert_ok "somebody else's" systemd-run --quiet --unit=somebody --service-type=exec \
        $OTHER --socket /run/other.sock
    wait_for $LONG "it is on" scx_is enabled
    OUTPUT=$(rustlandctl start 2>&1) && fail "the daemon displaced it without being told"
    assert_match "what it says" 'take over: sudo rustlandctl start --take-over' "$OUTPUT"
    assert_eq "somebody else's unit" active "$(systemctl is-active somebody)"
    assert_ok "start --take-over" rustlandctl start --take-over
    wait_in_hand_without_game
    assert_eq "the unit of rustland" active "$(systemctl is-active rustland)"
    wait_for $SHORT "somebody else's has ended" unit_is_not_active somebody
    assert_ok "stop" rustlandctl stop
    assert_ok "resume" rustlandctl resume
    wait_for $SHORT "the machine is as before" as_before
}

# Always on, because the administrator wants it so.
administrators_own() {
    step "an enabled rustland.service is left alone"
    local pid
    assert_ok "enable" systemctl enable --now rustland
    wait_for $LONG "it is on" ours_is_attached
    pid=$(scheduler_pid)
    start_game
    wait_for $SHORT "the daemon leaves it alone" status_has '"foreign":"rustland'
    wait_for $SHORT "and knows whose it is" status_has '"by":"rustland.service"'
    assert_match "status" "scheduler: +on, always \\(rustland.service\\)" "$(rustlandctl status)"
    wait_for $SHORT "the daemon knows the game" status_has '"rule":"native"'
    stop_game
    wait_for $SHORT "the game is forgotten" not status_has '"rule":"native"'
    assert_eq "the administrator's scheduler" "$pid" "$(scheduler_pid)"
    assert_eq "compaction of locked memory" 0 "$(cat $COMPACTION)"

    step "everything of it is killed"
    assert_ok "kill" systemctl kill --signal=KILL rustland
    wait_for $SHORT "it is gone" scx_is disabled
    wait_for $SHORT "the machine is as before" as_before
    assert_ok "disable" systemctl disable rustland
    systemctl reset-failed rustland
}
not() { ! "$@"; }

disable_in_a_game() {
    step "disable --now in the middle of a game"
    play
    assert_ok "disable" systemctl disable --now rustlandd
    wait_for $SHORT "the scheduler is off" scx_is disabled
    stop_game
    wait_for $SHORT "the machine is as before" as_before
    assert_ok "enable" systemctl enable --now rustlandd
}

second_boot() {
    step "after the restart"
    wait_for $LONG "the daemon runs again by itself" daemon_answers
    play

    step "purge in the middle of a game"
    assert_ok "purge" apt-get -q -y purge rustland rustland-supervisor rustland-bench
    wait_for $SHORT "the scheduler is off" scx_is disabled
    stop_game
    rm -f /etc/apt/sources.list.d/rustland.list $OTHER
    local left
    left=$(find /etc /usr /run /var/lib -xdev -path /run/vm -prune -o -path /run/share -prune -o \
        -path /var/lib/apt -prune -o -path /run/log -prune -o -name '*rustland*' -print | grep -vxFf /root/before)
    assert_eq "left after the purge" "" "$left"
    assert_eq "compaction after the purge" 1 "$(cat $COMPACTION)"
    if systemctl cat rustlandd.service rustland.service >/dev/null 2>&1; then
        fail "systemd still knows the units"
    fi
    echo PASSED
}

case $(cat "$STAGE" 2>/dev/null) in
second) second_boot ;;
*) first_boot ;;
esac
