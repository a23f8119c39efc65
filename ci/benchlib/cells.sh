# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# "ci/bench cells": games and loads of the benchmark's families in several setups. Needs common.sh.

# Loads beside which a scheduler that was fitted to its own benchmark did badly.
CELLS="heavy/compile:8 heavy/compile:16 heavy/hog:8 heavy/mixed:16 heavy/naps:8 heavy/storm:8 heavy/pipe:8"
ALL_SETUPS="one-session sessions app-slice cgroups"
SETUPS=one-session

check_cells() {
    local word
    [ -n "${CELLS// /}" ] || usage_error "--cells is empty"
    [ -n "${SETUPS// /}" ] || usage_error "--setups is empty"
    for word in $CELLS; do
        [[ $word =~ ^[a-z]+[a-z0-9.,=]*/[a-z]+[a-z0-9.,:=]*(@[a-z-]+)?$ ]] ||
            usage_error "--cells: '$word' is not such as heavy/compile:8 or heavy,main=4/hog:8@cgroups"
    done
    for word in $SETUPS; do
        [[ " $ALL_SETUPS " == *" $word "* ]] ||
            usage_error "--setups: '$word' is not one of: $ALL_SETUPS"
    done
}

# Each cell in each setup; a cell that names its setup in that one alone.
cells_in_setups() {
    local cell setup
    for setup in $SETUPS; do
        for cell in $CELLS; do
            if [[ $cell == *@* ]]; then
                [ "$setup" != "${SETUPS%% *}" ] || echo "$cell"
            elif [[ $cell == */shader:* && $setup != one-session ]]; then
                note "$cell@$setup is left out: the shader compiler is a part of the game's process"
            else
                echo "$cell@$setup"
            fi
        done
    done
}

measure_cells() {
    local words
    check_cells
    words=$(cells_in_setups)
    [ -n "$words" ] || usage_error "--cells, --setups: nothing is left to measure"
    # shellcheck disable=SC2034 # measure_all reads them
    SCENARIOS=$(tr '\n' ' ' <<<"$words") FAULTS=
    measure_all "$OUTPUT"
    printf 'Kernel %s, %s CPUs, %s s per cell, seeds %s; repeat with: ci/bench cells %s\n\n' \
        "$KERNEL" "$CPUS" "$DURATION" "$SEEDS" "$1"
    "$BENCH" --compare "${RESULTS[@]}" --markdown
}
