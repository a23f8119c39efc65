#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hostile users beside root and a game, against both daemons with the sanitizers, for a minute.
# vm kernels: main
# vm preset: asan
# vm memory: 2G
# vm timeout: 300
# vm pending: takes minutes with the sanitizers
# shellcheck source=tests/vm/hostile_lib.sh
. "$(dirname "$0")/hostile_lib.sh"
besieged_for 60
next_game
all_ends_well
