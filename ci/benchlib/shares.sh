# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# "ci/bench shares": who gets the CPU time under EEVDF and under rustland. Needs stages.sh.

# Everyday ones, for a look within minutes.
QUICK_CONFIGS="sessions-1-8 groups-100-300 nested sleepers storm-same pipes-same nice affinity"
TREES=20
CONFIGS=all
REFERENCE= # files with the results of EEVDF, which is measured if there are none
CONFIGS_PER_BOOT=8
SHARES_FILE=$ROOT_DIR/tests/vm/shares.conf

oracle() { "$ROOT_DIR/build/$PRESET/tests/vm/programs/shares/share-oracle" "$@"; }

# Sets NAMES to the configurations that --configs asks for.
expand_configs() {
    local word known tree
    known=$(oracle list --file "$SHARES_FILE" | cut -d' ' -f1) || die "$SHARES_FILE cannot be read"
    NAMES=()
    for word in $CONFIGS; do
        case $word in
        quick) read -ra words <<<"$QUICK_CONFIGS" && NAMES+=("${words[@]}") ;;
        all) mapfile -t -O "${#NAMES[@]}" NAMES <<<"$known" ;;
        trees) for ((tree = 1; tree <= TREES; tree++)); do NAMES+=("tree-$tree"); done ;;
        *)
            [[ $word =~ ^tree-[0-9]+$ ]] || grep -qx -e "$word" <<<"$known" ||
                usage_error "--configs: '$word' is not quick, all, trees, tree-SEED or one of" "${known//$'\n'/ }"
            NAMES+=("$word")
            ;;
        esac
    done
}

# run_shares BASE SCHEDULER MODE SEED CONFIGURATION…: one VM. What it measured before something failed
# is kept, as each configuration stands alone.
run_shares() {
    local base=$1 scheduler=$2 mode=$3 seed=$4
    shift 4
    local each=$((WARMUP + DURATION))
    run_guest "$base" minimal "$scheduler" "$seed" $((60 + $# * (each * 2 + 10))) \
        shares-guest "$mode" "$seed" $((WARMUP * 1000)) $((DURATION * 1000)) "$@" || {
        mv "$base.txt.part" "$base.txt"
        : >"$base.failed"
    }
}

# queue_shares NAME SCHEDULER MODE: adds VMs to QUEUE for all seeds and configurations, and their
# results to the array NAME.
queue_shares() {
    local -n files=$1
    local scheduler=$2 mode=$3 seed first base
    for seed in $SEEDS; do
        for ((first = 0; first < ${#NAMES[@]}; first += CONFIGS_PER_BOOT)); do
            base=$OUTPUT/shares-$1-$seed-$first
            rm -f "$base.txt" "$base.failed"
            QUEUE+=("$base $scheduler $mode $seed ${NAMES[*]:first:CONFIGS_PER_BOOT}")
            files+=("$base.txt")
        done
    done
}

# Those of the results in files that are of the configurations asked for.
wanted_results() {
    local name
    for name in "${NAMES[@]}"; do grep -h -F "\"configuration\":\"$name\"" "$@" || true; done
}

measure_shares() {
    local scheduler=${SCHEDULERS##* } status=0 label first beside=()
    local reference=() fair_default=() measured=()
    QUEUE=()
    expand_configs
    share_copy
    cp "$SHARES_FILE" "$SHARE"
    label=$(label_of "$scheduler")
    [ -n "$REFERENCE" ] || queue_shares reference eevdf smp
    [ "$scheduler" = eevdf ] || queue_shares measured "$scheduler" smp
    run_all run_shares "${QUEUE[@]}"
    if [ -n "$REFERENCE" ]; then
        read -ra reference <<<"$REFERENCE"
    elif grep -q '"cgroup_mode":"[a-z]' "${reference[@]}"; then # its default beside 6.18's mode
        QUEUE=()
        queue_shares fair_default eevdf default
        run_all run_shares "${QUEUE[@]}"
        wanted_results "${fair_default[@]}" >"$OUTPUT/shares-eevdf-default.jsonl"
        beside=(--beside "$OUTPUT/shares-eevdf-default.jsonl" --beside-name "EEVDF by default")
    fi
    wanted_results "${reference[@]}" >"$OUTPUT/shares-eevdf.jsonl.new"
    mv "$OUTPUT/shares-eevdf.jsonl.new" "$OUTPUT/shares-eevdf.jsonl"
    local options=(--reference "$OUTPUT/shares-eevdf.jsonl")
    if [ "$scheduler" = eevdf ] && [[ $SEEDS == *[0-9]\ * ]]; then # the yardstick of noise
        read -r first _ <<<"$SEEDS"
        grep -F "\"seed\":$first," "$OUTPUT/shares-eevdf.jsonl" >"$OUTPUT/shares-first.jsonl"
        grep -v -F "\"seed\":$first," "$OUTPUT/shares-eevdf.jsonl" >"$OUTPUT/shares-others.jsonl"
        options=(--reference "$OUTPUT/shares-first.jsonl" --reference-name "EEVDF, seed $first,")
        label="EEVDF, other seeds," measured=("$OUTPUT/shares-others.jsonl")
    fi
    if [ ${#measured[@]} -gt 0 ]; then
        wanted_results "${measured[@]}" >"$OUTPUT/shares-measured.jsonl"
        options+=(--measured "$OUTPUT/shares-measured.jsonl" --measured-name "$label")
    fi
    printf 'Kernel %s, %s CPUs, %s s after %s s, seeds %s; repeat with: ci/bench shares %s\n\n' \
        "$KERNEL" "$CPUS" "$DURATION" "$WARMUP" "$SEEDS" "$1"
    oracle compare "${options[@]}" "${beside[@]}" || status=$?
    [ $status -le 1 ] || die "the results cannot be compared"
    compgen -G "$OUTPUT/shares-*.failed" >&2 && die "not all could be measured (see the notes above)"
    return 0
}
