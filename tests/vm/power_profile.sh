#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Profiles of the firmware by their meaning, whatever they are called, and which rules they let apply.
# vm kernels: main
# vm cpus: 2
# vm timeout: 60
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

{
    base_config
    for profile in performance balanced power-saver custom; do
        printf '\n[workload %s]\nprogram = tool\npower_profile = %s\n' $profile $profile
        printf 'priority = %d\n' $((${#profile} * 10))
    done
} >$CONFIG
mkdir /tmp/acpi /tmp/supply
mount --bind /tmp/supply /sys/class/power_supply || fail "cannot play the power supply"
mount --bind /tmp/acpi /sys/firmware/acpi || fail "cannot play the firmware"

applies() { # NAME MEANING: what the daemon makes of a profile
    echo "$1" >/tmp/acpi/platform_profile
    start_daemon
    assert_eq "profile $1" "$2" "$(rustlandctl status --json | sed -n 's/^ *"profile": "\(.*\)".*/\1/p')"
    end_daemon TERM
    wait_for 10 "the daemon's socket is gone" not test -e /run/rustland/control.sock
}
applies cool power-saver
applies balanced-performance balanced
applies performance performance
applies custom custom

echo "a rule for another profile does not apply"
sed -n '/^\[supervisor\]/,/^$/p' $CONFIG >$CONFIG.new
printf '[workload fast]\nprogram = supergame\npower_profile = performance\n' >>$CONFIG.new
mv $CONFIG.new $CONFIG
echo cool >/tmp/acpi/platform_profile
start_daemon
start_game
wait_for 10 "the game is known" listed "$GAME_PID"
off || fail "on with the profile cool"
end_game
end_daemon TERM
echo performance >/tmp/acpi/platform_profile
start_daemon
start_game
wait_on
end_game
wait_off
end_daemon TERM
