# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# "ci/bench record": cells that are drawn by the commit, on two kernels. Needs common.sh.

RESUME=
DRAW=
RECORD_CELLS=40
NEWEST_CELLS=10
NEWEST=
PLAN=$ROOT_DIR/ci/benchlib/record_plan.py

# The first 32 bits of the hash of the commit that is checked out: nobody knows it while developing.
draw_seed() {
    local hash
    hash=$(git -C "$ROOT_DIR" rev-parse HEAD) || die "no commit to take the draw seed from; give --draw SEED"
    echo $((16#${hash:0:8}))
}

newest_series() { { cached_series || true; } | grep -v generic | tail -n 1; }

programs_hash() {
    cat "$ROOT_DIR/build/$PRESET/scheduler/rustland" "$BENCH" | sha256sum | cut -c1-16
}

# Writes the plan, or checks that it is the one that DIR was begun with.
plan_record() {
    local dir=$1 commit cells newest_cells
    if [ -n "$RESUME" ]; then
        commit=$("$PLAN" get "$RESUME" commit) || exit 1
    else
        commit=$(git -C "$ROOT_DIR" describe --always --abbrev=12 --dirty 2>/dev/null || echo unknown)
    fi
    cells=$("$BENCH" --draw "$DRAW" --cells "$RECORD_CELLS" --cpus "$NR_CPUS" --list) ||
        die "the cells could not be drawn"
    newest_cells=
    [ "$NEWEST_CELLS" = 0 ] || newest_cells=$(head -n "$NEWEST_CELLS" <<<"$cells")
    "$PLAN" new "$dir" draw="$DRAW" commit="$commit" programs="$(programs_hash)" kernel="$KERNEL" \
        newest="$NEWEST" cpus="$CPUS" duration="$DURATION" rustland_args="$RUSTLAND_ARGS" \
        seeds="$SEEDS" schedulers="$SCHEDULERS" cells="$cells" newest_cells="$newest_cells" || exit 1
}

# record_run BASE KERNEL SCHEDULER SEED CELL: a run that fails is a result, too.
record_run() {
    local base=$RECORD/$1 scheduler=$3 seed=$4 cell=$5
    KERNEL=$2
    if measure_one "$base" "$scheduler" "$seed" "$cell"; then
        rm -f "$base.log"
    else
        mv "$base.log" "$base.failed"
    fi
}

measure_record() {
    local todo rounds=0
    # A later commit may go on with the record of an earlier one, if the programs are the same.
    [ -n "$DRAW" ] || [ -z "$RESUME" ] || DRAW=$("$PLAN" get "$RESUME" draw) || exit 1
    [ -n "$DRAW" ] || DRAW=$(draw_seed)
    [ -n "$NEWEST" ] || NEWEST=$(newest_series)
    [ "$NEWEST_CELLS" = 0 ] || [ -e "$KERNEL_DIR/$NEWEST/vmlinuz" ] ||
        die "no kernel of the series '$NEWEST' in the cache: run ci/setup"
    RECORD=${RESUME:-$OUTPUT/record-$DRAW}
    plan_record "$RECORD"
    # shellcheck disable=SC2034 # measure_one reads it
    KEEP_FRAMES= # small files
    rm -f "$RECORD"/runs/*.part "$RECORD"/runs/*.failed # of an interruption, or to be tried again
    # Cells that miss their frame rate get new seeds, which only their first ones can tell.
    while todo=$("$PLAN" todo "$RECORD") && [ -n "$todo" ]; do
        rounds=$((rounds + 1))
        note "record in $RECORD, round $rounds: $(wc -l <<<"$todo") runs are left"
        mapfile -t queue <<<"$todo"
        run_all record_run "${queue[@]}"
    done
    "$ROOT_DIR/ci/benchlib/record_table.py" "$RECORD"
    printf '\nRepeat with: ci/bench record %s (of this commit, or with --draw %s)\n' "$1" "$DRAW"
}
