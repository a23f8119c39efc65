#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a user does with the packages, on a Debian with systemd: install from a repository, enable,
# play, start the machine anew, upgrade, remove. Runs in a VM (ci/package vm); /share has this file,
# tests/vm/lib.sh, and the repositories repo/ and, with a newer version, upgrade/.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive

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
status_has() { rustlandctl status --json | grep -q "$1"; }

# The game is a program of an ordinary user, known by its name alone.
start_game() {
    install -D -o player -m 755 /bin/sleep "$GAME"
    setpriv --reuid player --regid player --clear-groups "$GAME" 100000 &
    GAME_PID=$!
}
stop_game() {
    kill "$GAME_PID" && wait "$GAME_PID" 2>/dev/null
    GAME_PID=
}
play() {
    start_game
    wait_for 60 "the scheduler is on for the game" ours_is_attached
}
stop_playing() {
    stop_game
    wait_for 60 "the scheduler goes after the game" scx_is disabled
}

first_boot() {
    find /etc /usr /var/lib /var/cache -xdev \( -name '*rustland*' -o -path '*rustland*' \) >/root/before
    step "install"
    use_repository repo
    assert_ok "apt install" apt-get -q -y --no-install-recommends install \
        rustland-supervisor rustland-bench
    assert_eq "enabled after the installation" disabled "$(systemctl is-enabled rustlandd)"
    assert_eq "active after the installation" inactive "$(systemctl is-active rustlandd)"
    assert_eq "the scheduler after the installation" disabled "$(systemctl is-enabled rustland)"
    assert_ok "verify the units" systemd-analyze verify --man=no rustland.service rustlandd.service
    assert_ok "check the configuration" rustlandctl check
    # Sooner than the default, so that the test need not wait.
    install -d /etc/rustland/rustland.conf.d
    printf '[supervisor]\nlinger = 1s\nmin_dwell = 1s\n' >/etc/rustland/rustland.conf.d/test.conf

    step "exposure"
    local exposure
    exposure=$(systemd-analyze security rustland.service --no-pager | sed -nE 's/.*exposure level.*: ([0-9.]+).*/\1/p')
    echo "exposure of rustland.service: $exposure"
    assert_le "exposure of the scheduler, tenths" "${exposure/./}" 15
    exposure=$(systemd-analyze security rustlandd.service --no-pager | sed -nE 's/.*exposure level.*: ([0-9.]+).*/\1/p')
    echo "exposure of rustlandd.service: $exposure"
    assert_le "exposure of the supervisor, tenths" "${exposure/./}" 25

    step "enable --now"
    assert_ok "enable" systemctl enable --now rustlandd
    assert_eq "sched_ext without a game" disabled "$(scx_state)"

    step "a game"
    local compaction=/proc/sys/vm/compact_unevictable_allowed before
    before=$(cat $compaction)
    play
    assert_match "status" '"rule": *"native"' "$(rustlandctl status --json)"
    # A number where nobody tells names of dynamic users (libnss-systemd).
    assert_match "user of the scheduler" '^(rustland|6[1-5][0-9]{3})$' \
        "$(ps -o user= -p "$(scheduler_pid)")"
    if status_has 'belongs to somebody else'; then fail "the scheduler is not told the foreground"; fi
    assert_eq "compaction of locked memory" 0 "$(cat $compaction)"
    # It goes on until it is ended.
    OUTPUT=$(setpriv --reuid player --regid player --clear-groups \
        timeout 3 rustland --monitor 0.5 2>&1)
    assert_match "statistics for everybody" "cpus runnable.*$(nproc)" "$OUTPUT"
    stop_playing
    wait_for 10 "the unit is down" test "$(systemctl is-active rustland)" != active
    wait_for 10 "compaction is restored" grep -qx "$before" $compaction

    step "a scheduler that is killed comes back, and the machine is as before meanwhile"
    play
    local pid
    pid=$(scheduler_pid)
    kill -KILL "$pid"
    wait_for 60 "another scheduler is on" another_scheduler "$pid"
    stop_playing
    wait_for 10 "compaction is restored" grep -qx "$before" $compaction

    step "the daemon crashes in the middle of a game"
    play
    pid=$(scheduler_pid)
    systemctl kill --signal=KILL --kill-whom=main rustlandd
    wait_for 60 "systemd brings the daemon back" daemon_answers
    wait_for 30 "the daemon has taken the scheduler over" status_has '"state": *"on"'
    assert_eq "scheduler after the crash of the daemon" "$pid" "$(scheduler_pid)"

    step "reload in the middle of a game"
    printf '[supervisor]\nnonsense = 1\n' >/etc/rustland/rustland.conf.d/zz-bad.conf
    if systemctl reload rustlandd; then fail "a bad configuration was accepted"; fi
    rm /etc/rustland/rustland.conf.d/zz-bad.conf
    assert_ok "reload" systemctl reload rustlandd
    assert_eq "scheduler after the reload" "$pid" "$(scheduler_pid)"

    step "an ordinary user may ask, and not command"
    assert_ok "status" setpriv --reuid player --regid player --clear-groups rustlandctl status
    if setpriv --reuid player --regid player --clear-groups rustlandctl stop; then
        fail "an ordinary user stopped the scheduler"
    fi
    ours_is_attached || fail "the scheduler has gone"
    bus_of_an_ordinary_user

    step "disable --now in the middle of a game"
    assert_ok "disable" systemctl disable --now rustlandd
    wait_for 30 "the scheduler is off" scx_is disabled
    stop_game
    assert_ok "enable" systemctl enable --now rustlandd

    step "start user space anew"
    echo second >"$STAGE"
    trap - EXIT # this is ended with everything else
    systemctl soft-reboot
    sleep 1000
}

another_scheduler() {
    local pid
    ours_is_attached && pid=$(scheduler_pid) && [ "$pid" != 0 ] && [ "$pid" != "$1" ]
}
daemon_answers() { daemon_is active && rustlandctl status; }

bus_of_an_ordinary_user() {
    local user=(setpriv --reuid player --regid player --clear-groups)
    if ! busctl --system status org.rustland1 >/dev/null 2>&1; then
        echo "no D-Bus interface yet"
        return
    fi
    assert_ok "introspection" "${user[@]}" busctl --system introspect org.rustland1 /org/rustland1
    assert_match "introspection" 'org\.rustland1\.Manager' "$OUTPUT"
    assert_ok "a property" "${user[@]}" busctl --system get-property org.rustland1 /org/rustland1 \
        org.rustland1.Manager State
    OUTPUT=$("${user[@]}" busctl --system call org.rustland1 /org/rustland1 org.rustland1.Manager Stop 2>&1) &&
        fail "polkit let an ordinary user stop the scheduler"
    assert_match "refusal" 'org\.rustland1\.manage|[Dd]enied' "$OUTPUT"
}

second_boot() {
    step "after the restart"
    wait_for 60 "the daemon runs again by itself" daemon_answers
    play

    step "upgrade in the middle of a game"
    local before
    before=$(scheduler_pid)
    use_repository upgrade
    assert_ok "apt upgrade" apt-get -q -y --no-install-recommends install rustland-supervisor \
        rustland-bench
    assert_match "version" '\+upgrade$' "$(dpkg-query -W -f '${Version}' rustland)"
    wait_for 60 "the daemon runs after the upgrade" daemon_answers
    wait_for 60 "the scheduler is on after the upgrade" ours_is_attached
    wait_for 30 "the daemon knows" status_has '"state": *"on"'
    echo "scheduler's process before the upgrade: $before, after it: $(scheduler_pid)"
    stop_playing

    step "purge in the middle of a game"
    play
    assert_ok "purge" apt-get -q -y purge rustland rustland-supervisor rustland-bench
    wait_for 30 "the scheduler is off" scx_is disabled
    stop_game
    rm -f /etc/apt/sources.list.d/rustland.list
    local left
    left=$(find /etc /usr /run /var/lib -xdev -path /run/vm -prune -o -path /run/share -prune -o \
        -path /var/lib/apt -prune -o -path /run/log -prune -o -name '*rustland*' -print | grep -vxFf /root/before)
    assert_eq "left after the purge" "" "$left"
    if systemctl cat rustlandd.service rustland.service >/dev/null 2>&1; then
        fail "systemd still knows the units"
    fi
    echo PASSED
}

case $(cat "$STAGE" 2>/dev/null) in
second) second_boot ;;
*) first_boot ;;
esac
