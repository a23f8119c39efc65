#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# host_test.sh RUSTLAND-HOST POSTRM: what rustland.service's helper leaves behind and takes away, alone
# and when the supervisor's package is removed beside it. In a folder of its own.
set -euo pipefail

host=$1 postrm=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export RUSTLAND_RUN_DIR=$folder/run RUSTLAND_COMPACTION=$folder/knob
failed=0

expect() { # WHAT WANTED GOT
    if [ "$2" != "$3" ]; then
        echo "$1: expected '$2', got '$3'"
        failed=1
    fi
}
there() { if [ -e "$1" ]; then echo yes; else echo no; fi; }
fresh() {
    rm -rf "$RUSTLAND_RUN_DIR"
    mkdir -p "$RUSTLAND_RUN_DIR/scheduler"
    echo 1 >"$RUSTLAND_COMPACTION"
}
remove_supervisor() { # ACTION
    sed "s|/run/rustland|$RUSTLAND_RUN_DIR|g; s|/etc/rustland|$folder/etc|g" "$postrm" |
        sh -s -- "$1"
}

# A removal of the supervisor while the scheduler's own service runs.
fresh
sh "$host" prepare
touch "$RUSTLAND_RUN_DIR"/{control.sock,state.json,state.json.new,stopped.json,rustland.env,rustlandd.lock}
touch "$RUSTLAND_RUN_DIR/scheduler/scheduler.sock"
for action in remove purge; do
    remove_supervisor $action
    expect "$action: the knob" 0 "$(cat "$RUSTLAND_COMPACTION")"
    expect "$action: the scheduler's socket" yes "$(there "$RUSTLAND_RUN_DIR/scheduler/scheduler.sock")"
    expect "$action: its name" yes "$(there "$RUSTLAND_RUN_DIR/scheduler.sock")"
    expect "$action: the daemon's socket" no "$(there "$RUSTLAND_RUN_DIR/control.sock")"
    expect "$action: its state" no "$(there "$RUSTLAND_RUN_DIR/state.json")"
    expect "$action: its stop" no "$(there "$RUSTLAND_RUN_DIR/stopped.json")"
done
sh "$host" restore
expect "the knob after the scheduler's end" 1 "$(cat "$RUSTLAND_COMPACTION")"
rm -rf "$RUSTLAND_RUN_DIR/scheduler"
remove_supervisor purge
expect "the empty folder" no "$(there "$RUSTLAND_RUN_DIR")"
remove_supervisor purge # with nothing there

# Arguments that a daemon left which is not there any more.
fresh
echo RUSTLAND_ARGS=x >"$RUSTLAND_RUN_DIR/rustland.env"
touch "$RUSTLAND_RUN_DIR/rustlandd.lock"
flock "$RUSTLAND_RUN_DIR/rustlandd.lock" sh "$host" prepare
expect "arguments of a daemon that runs" yes "$(there "$RUSTLAND_RUN_DIR/rustland.env")"
sh "$host" prepare
expect "arguments of one that is gone" no "$(there "$RUSTLAND_RUN_DIR/rustland.env")"
exit $failed
