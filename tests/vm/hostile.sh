#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hostile users beside root and a game, against both daemons with the sanitizers.
# vm kernels: main
# vm preset: asan
# vm memory: 2G
# vm timeout: 150
# shellcheck source=tests/vm/hostile_lib.sh
. "$(dirname "$0")/hostile_lib.sh"
besieged_for 5
all_ends_well
