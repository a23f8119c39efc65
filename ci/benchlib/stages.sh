# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The further measurements of ci/bench: "stages", "real", "waits", "costs" and "reader". Needs common.sh.

APPEND=
MAKE_JOBS=8

# run_guest BASE ROOT SCHEDULER SEED TIMEOUT COMMAND…: one VM, in which COMMAND runs with
# the scheduler's command line as its first argument; BASE.txt, and BASE.log with all else.
run_guest() {
    local base=$1 root=$2 scheduler=$3 seed=$4 timeout=$5 status=0
    shift 5
    local program=$1
    shift
    setpriv --pdeathsig TERM "$ROOT_DIR/ci/vm" --kernel "$KERNEL" --cpus "$CPUS" --seed "$seed" \
        --preset "$PRESET" --root "$root" --memory 2G --append "cryptomgr.notests $APPEND" \
        --timeout "$timeout" --host-timeout $((timeout * 60)) --share "$SHARE" -- \
        "$program" "$(scheduler_command "$scheduler")" "$@" >"$base.txt.part" 2>"$base.log" ||
        status=$?
    if [ $status != 0 ]; then
        note "${base##*/}: failed with status $status:"
        tail -n 60 "$base.log" >&2
        return 1
    fi
    mv "$base.txt.part" "$base.txt"
    note "${base##*/}: done"
}

head_line() {
    printf 'Kernel %s, %s CPUs, seeds %s; repeat with: ci/bench %s\n\n' "$KERNEL" "$CPUS" "$SEEDS" \
        "$STAGE $1"
}

# measure_matrix OPTIONS ROOT TIMEOUT GUEST WORD…: the guest program under every scheduler with every
# seed, and the table of its stage. Of the words, TOLD becomes 1 for a scheduler that is told the game.
measure_matrix() {
    local options=$1 root=$2 timeout=$3 guest=$4 scheduler seed base told queue=() files=()
    local words=${*:5}
    for scheduler in $SCHEDULERS; do
        told=0
        [ "$scheduler" != rustland-fg ] || told=1
        for seed in $SEEDS; do
            base=$OUTPUT/$STAGE-${scheduler#peer:}-$seed
            rm -f "$base.txt"
            queue+=("$base $root $scheduler $seed $timeout $guest ${words//TOLD/$told}")
            files+=("$(label_of "$scheduler")=$base.txt")
        done
    done
    run_all run_guest "${queue[@]}"
    head_line "$options"
    "$ROOT_DIR/ci/benchlib/stage-table.py" "$STAGE" "$OUTPUT/$STAGE.json" "${files[@]}"
}

measure_stages() {
    [[ " $SCHEDULERS " != *" rustland-fg "* ]] ||
        usage_error "stages: there is no game that rustland-fg could be told of"
    measure_matrix "$1" minimal $((90 + DURATION * 8)) stages-guest "$DURATION"
}

measure_waits() {
    # So that a task can be preempted inside of the kernel, too, where it cannot migrate.
    APPEND=preempt=full
    measure_matrix "$1" minimal $((90 + DURATION * 3)) waits-guest "$DURATION"
}

measure_real() {
    share_copy
    cp "$ROOT_DIR/build/$PRESET/tests/vm/programs/libframe-times.so" "$SHARE" ||
        die "build/$PRESET has no libframe-times.so"
    measure_matrix "$1" real 400 real-guest TOLD "$MAKE_JOBS"
    plot_real
}

# plot_real: a page with the frame times of the paced games, as logs of the form that MangoHud writes.
plot_real() {
    local scheduler seed base logs=()
    for scheduler in $SCHEDULERS; do
        for seed in $SEEDS; do
            base=real-${scheduler#peer:}-$seed
            awk -F '[ =]' 'BEGIN { print "fps,frametime,elapsed" }
                $1 == "paced_frame" { t += $3; printf "%.3f,%.3f,%.0f\n", 1000 / $3, $3, t * 1e6 }' \
                "$OUTPUT/$base.txt" >"$OUTPUT/$base.csv"
            logs+=("$OUTPUT/$base.csv")
        done
    done
    "$BENCH" --report "$OUTPUT/real.html" "${logs[@]}" >&2 || die "the page could not be written"
    note "plots in $OUTPUT/real.html"
}

# One run of the first scenario with the first seed, as the counting itself costs something.
measure_costs() {
    local base=$OUTPUT/costs told=0 scheduler=${SCHEDULERS%% *} scenario=${SCENARIOS%% *}
    [ "$scheduler" != rustland-fg ] || told=1
    [ "$scheduler" != eevdf ] || usage_error "costs: --schedulers must begin with rustland"
    run_guest "$base" minimal "$scheduler" "${SEEDS%% *}" $((90 + DURATION * 3)) costs-guest $told \
        --iterations-per-ms $((ITERATIONS_PER_MS_ALL_CPUS / NR_CPUS)) --seed "${SEEDS%% *}" \
        --duration "$DURATION" --warmup "$WARMUP" --scenario "$scenario" || exit 1
    printf 'Kernel %s, %s CPUs, seed %s, %s, %s; repeat with: ci/bench costs %s\n\n' "$KERNEL" "$CPUS" \
        "${SEEDS%% *}" "$scenario" "$(label_of "$scheduler")" "$1"
    "$ROOT_DIR/ci/benchlib/cost-table.py" "$base.txt" "$NR_CPUS"
}

# Beside the first scenario, with each seed: a second without the reader and one with it in turn.
measure_reader() {
    local base told=0 scheduler=${SCHEDULERS%% *} scenario=${SCENARIOS%% *} seed queue=() files=()
    [ "$scheduler" != rustland-fg ] || told=1
    [ "$scheduler" != eevdf ] || usage_error "reader: --schedulers must begin with rustland"
    for seed in $SEEDS; do
        base=$OUTPUT/reader-$seed
        rm -f "$base.txt"
        files+=("$base.txt")
        queue+=("$base minimal $scheduler $seed $((90 + DURATION * 6)) reader-guest $told $DURATION
            --iterations-per-ms $((ITERATIONS_PER_MS_ALL_CPUS / NR_CPUS)) --seed $seed
            --warmup $WARMUP --scenario $scenario")
    done
    queue=("${queue[@]//$'\n'/ }")
    run_all run_guest "${queue[@]}"
    printf 'Kernel %s, %s CPUs, %s, %s, %s s with and %s s without; repeat with: ci/bench reader %s\n\n' \
        "$KERNEL" "$CPUS" "$scenario" "$(label_of "$scheduler")" "$DURATION" "$DURATION" "$1"
    "$ROOT_DIR/ci/benchlib/reader-table.py" "${files[@]}"
}
