# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by ci/demo and ci/bench: options, and measuring schedulers x seeds in VMs of their own.
# shellcheck source=ci/lib.sh
. "$ROOT_DIR/ci/lib.sh"

KERNEL=6.18
CPUS=4
NR_CPUS=4 # without the topology
PRESET=dev
DURATION=5
WARMUP=1
SCHEDULERS="eevdf rustland"
FAULTS=
RUSTLAND_ARGS=
declare -A PEERS=() # name -> path and options of another sched_ext scheduler
SHARE=$ROOT_DIR/ci/benchlib
SETUP_OPTIONS=
KEEP_FRAMES=--frames # all frame times, for plots
JOBS=$(nproc)
[ "$JOBS" -le 4 ] || JOBS=4
# An iteration of the benchmark's loop is 4 instructions, an instruction takes 2 ns of the VM's time
# and the CPUs share them: with all CPUs busy, one does this many iterations a millisecond.
ITERATIONS_PER_MS_ALL_CPUS=125000

common_usage() {
    cat <<USAGE
  --seeds "1 2 …"       seeds of the VM and of the load (default "$SEEDS")
  --scenarios "…"       such as build:8, hog:32, none (default "$SCENARIOS")
  --schedulers "…"      eevdf (the kernel's own), rustland, rustland-fg (which is told the game),
                        rustland-fifo, example-fifo (examples/fifo.cpp)
                        (default "$SCHEDULERS"); told is rustland-fg by another name
  --rustland-args ARGS  options for rustland
  --peer "PATH [ARGS]"  measure this sched_ext scheduler, too; it runs in the VM as root, with the
                        libraries that it is linked to here (may be given several times)
  --duration S          seconds to measure, after $WARMUP s of warm-up (default $DURATION)
  --kernel SERIES       kernel series (default $KERNEL)
  --cpus N              CPUs of the VM, or a topology like 4,sockets=2 (default $CPUS)
  --preset PRESET       whose programs to measure: build/PRESET (default $PRESET)
  --jobs N              VMs at the same time (default $JOBS, here)
USAGE
}

usage_error() {
    note "$* (see ci/${0##*/} --help)"
    exit 2
}

# Takes the options that both scripts have. Calls own_option OPTION VALUE for others, which fails if
# it does not know them either.
parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --*) ;;
        *) usage_error "unexpected argument '$1'" ;;
        esac
        [ $# -ge 2 ] || usage_error "$1 needs a value, or is unknown"
        case $1 in
        --seeds) SEEDS=$2 ;;
        --scenarios) SCENARIOS=$2 ;;
        --schedulers) SCHEDULERS=$2 ;;
        --rustland-args) RUSTLAND_ARGS=$2 ;;
        --peer) add_peer "$2" ;;
        --duration) DURATION=$2 ;;
        --kernel) KERNEL=$2 ;;
        --cpus) CPUS=$2 ;;
        --preset) PRESET=$2 ;;
        --jobs) JOBS=$2 ;;
        *) own_option "$1" "$2" || usage_error "unknown option '$1'" ;;
        esac
        shift 2
    done
    check_options
}

# add_peer "PATH [ARGS]"
add_peer() {
    local path=${1%% *} name
    if [ ! -f "$path" ] || [ ! -x "$path" ]; then
        usage_error "--peer: '$path' is not a program"
    fi
    name=$(basename "$path")
    [[ $name =~ ^[A-Za-z0-9_.-]+$ ]] || usage_error "--peer: '$name' is not a plain name"
    [ -z "${PEERS[$name]-}" ] || usage_error "--peer: '$name' is given twice"
    PEERS[$name]=$(realpath "$path")${1#"$path"}
    SCHEDULERS+=" peer:$name"
}

# Makes SHARE a copy, to which files can be added.
share_copy() {
    [ "$SHARE" = "$ROOT_DIR/ci/benchlib" ] || return 0
    SHARE=$(mktemp -d)
    TEMPORARY+=("$SHARE")
    cp "$ROOT_DIR"/ci/benchlib/* "$SHARE"
}

# Puts the other schedulers, and their libraries, where the VM finds them. The C library and its
# loader are left out: the VM has this machine's.
share_peers() {
    local name program library
    [ ${#PEERS[@]} -gt 0 ] || return 0
    share_copy
    mkdir "$SHARE/peers" "$SHARE/libraries"
    for name in "${!PEERS[@]}"; do
        program=${PEERS[$name]%% *}
        cp "$program" "$SHARE/peers/$name"
        while read -r library; do
            case ${library##*/} in
            libc.so.* | libm.so.* | ld-linux*) ;;
            *) cp -L "$library" "$SHARE/libraries" ;;
            esac
        done < <(ldd "$program" 2>/dev/null | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
    done
}

is_positive() { [[ $1 =~ ^[1-9][0-9]{0,5}$ ]]; }

check_options() {
    local word
    [ -n "${SEEDS// /}" ] || usage_error "--seeds is empty"
    [ -n "${SCENARIOS// /}" ] || usage_error "--scenarios is empty"
    [ -n "${SCHEDULERS// /}" ] || usage_error "--schedulers is empty"
    for word in $SEEDS; do
        is_positive "$word" || usage_error "--seeds: '$word' is not a positive whole number"
    done
    for word in $SCENARIOS; do
        [[ $word =~ ^((build|hog|mixed):[1-9][0-9]*|none)$ ]] ||
            usage_error "--scenarios: '$word' is not such as build:8, hog:8, mixed:16 or none"
    done
    for word in $FAULTS; do
        [[ $word =~ ^(build|hog|mixed):[1-9][0-9]*:(stop|kill)$ ]] ||
            usage_error "--faults: '$word' is not such as build:8:stop or hog:8:kill"
    done
    for word in $SCHEDULERS; do
        [[ $word =~ ^(eevdf|rustland|rustland-fg|told|rustland-fifo|example-fifo|peer:.*)$ ]] ||
            usage_error "--schedulers: '$word' is not eevdf, rustland, told, rustland-fg, rustland-fifo" \
                "or example-fifo"
    done
    is_positive "$DURATION" || usage_error "--duration: '$DURATION' is not a number of seconds"
    NR_CPUS=${CPUS%%,*}
    is_positive "$NR_CPUS" || usage_error "--cpus: '$CPUS' is not a number, nor one with a topology (4,sockets=2)"
    is_positive "$JOBS" || usage_error "--jobs: '$JOBS' is not a number"
}

# step WHAT COMMAND…: says what it does, and at its end how long that took.
step() {
    local what=$1 started=$SECONDS
    shift
    note "$what …"
    "$@"
    note "$what: $((SECONDS - started)) s"
}

run_setup() {
    # shellcheck disable=SC2086 # words
    "$ROOT_DIR/ci/setup" --kernels "$KERNEL" $SETUP_OPTIONS >&2 || die "ci/setup failed"
}

run_build() {
    RUSTLAND_SKIP_SETUP=1 "$ROOT_DIR/ci/build" "$PRESET" >&2 || die "ci/build $PRESET failed"
}

set_up() {
    [ "${RUSTLAND_SKIP_SETUP:-0}" = 1 ] || step "set-up" run_setup
    share_peers
    [ "${RUSTLAND_SKIP_BUILD:-0}" = 1 ] || step "build" run_build
    BENCH=$ROOT_DIR/build/$PRESET/scheduler/bench/rustland-bench
    [ -x "$BENCH" ] || die "no $BENCH"
    local word
    for word in $SCHEDULERS; do
        if [ "$word" = example-fifo ] && [ ! -x "$ROOT_DIR/build/$PRESET/examples/example-fifo" ]; then
            die "the scheduler example-fifo is not in build/$PRESET/examples: cannot measure it" \
                "(--preset dev builds it)"
        fi
        if [[ $word =~ ^(rustland|told) ]] && [ ! -x "$ROOT_DIR/build/$PRESET/scheduler/rustland" ]; then
            die "the scheduler rustland is not in build/$PRESET/scheduler: cannot measure it" \
                "(--schedulers eevdf measures the kernel's own alone)"
        fi
    done
}

label_of() {
    case $1 in
    eevdf) echo EEVDF ;;
    peer:*) echo "${1#peer:}" ;;
    *) echo "$1${RUSTLAND_ARGS:+ $RUSTLAND_ARGS}" ;;
    esac
}

# The command line that starts a scheduler in the VM.
scheduler_command() {
    local own
    case $1 in
    eevdf) echo eevdf ;;
    rustland-fifo) echo "rustland --policy fifo${RUSTLAND_ARGS:+ $RUSTLAND_ARGS}" ;;
    example-fifo) echo "example-fifo${RUSTLAND_ARGS:+ $RUSTLAND_ARGS}" ;;
    peer:*)
        own=${PEERS[${1#peer:}]}
        echo "env LD_LIBRARY_PATH=/share/libraries /share/peers/${1#peer:}${own#"${own%% *}"}"
        ;;
    *) echo "rustland${RUSTLAND_ARGS:+ $RUSTLAND_ARGS}" ;;
    esac
}

# measure_one BASE SCHEDULER SEED SCENARIO…: one VM; BASE.json, and BASE.log with all else.
measure_one() {
    local base=$1 scheduler=$2 seed=$3 word status=0 scenarios=()
    shift 3
    local started=$SECONDS timeout=$((30 + $# * (WARMUP + DURATION + 5)))
    for word in "$@"; do
        case $word in
        */*) scenarios+=(--cell "$word") ;;
        *) scenarios+=(--scenario "$word") ;;
        esac
    done
    local label
    label=$(label_of "$scheduler")
    local own=() expected=()
    # A stopped scheduler is made to leave by its own BPF side.
    [[ $* != *:stop* ]] || expected=(--expect-sched-ext-error='unregistered from BPF')
    case $scheduler in rustland-fg | told) own=(--foreground) ;; esac
    # The kernel tests its cryptographic algorithms for some seconds after boot: a load of its own.
    # The VM ends with us, however we end.
    setpriv --pdeathsig TERM "$ROOT_DIR/ci/vm" --kernel "$KERNEL" --cpus "$CPUS" --seed "$seed" \
        --preset "$PRESET" --append cryptomgr.notests --timeout "$timeout" \
        "${expected[@]}" \
        --share "$SHARE" -- \
        guest "$(scheduler_command "$scheduler")" --iterations-per-ms $((ITERATIONS_PER_MS_ALL_CPUS / NR_CPUS)) \
        --label "$label" --seed "$seed" --duration "$DURATION" --warmup "$WARMUP" \
        ${KEEP_FRAMES:+"$KEEP_FRAMES"} "${own[@]}" "${scenarios[@]}" >"$base.json.part" 2>"$base.log" || status=$?
    if [ $status != 0 ]; then
        note "$label, seed $seed, $*: failed with status $status:"
        tail -n 60 "$base.log" >&2
        return 1
    fi
    mv "$base.json.part" "$base.json"
    note "$label, seed $seed, $*: done in $((SECONDS - started)) s"
}

# run_all FUNCTION LINE…: FUNCTION with the words of each line, $JOBS at a time; the first failure ends
# this program.
run_all() {
    local function=$1 running=0 line words number=0 total
    shift
    total=$#
    for line in "$@"; do
        if [ $running -ge "$JOBS" ]; then
            wait -n || exit 1
            running=$((running - 1))
        fi
        read -ra words <<<"$line"
        number=$((number + 1))
        note "VM $number of $total …"
        "$function" "${words[@]}" &
        running=$((running + 1))
    done
    while [ $running -gt 0 ]; do
        wait -n || exit 1
        running=$((running - 1))
    done
}

# measure_all DIR: every scheduler with every seed, $JOBS VMs at a time, and each fault in a VM of
# its own, as it ends the scheduler. Sets RESULTS, the files in the order in which they are
# compared. Stops at the first failure.
measure_all() {
    local dir=$1 scheduler seed fault base queue=()
    RESULTS=()
    for scheduler in $SCHEDULERS; do
        for seed in $SEEDS; do
            RESULTS+=("$dir/${scheduler#peer:}-$seed.json")
        done
    done
    for seed in $SEEDS; do
        for scheduler in $SCHEDULERS; do
            queue+=("$dir/${scheduler#peer:}-$seed $scheduler $seed $SCENARIOS")
            [ "$scheduler" = rustland ] || continue
            for fault in $FAULTS; do
                base=$dir/$scheduler-$seed-${fault//:/-}
                RESULTS+=("$base.json")
                queue+=("$base $scheduler $seed $fault")
            done
        done
    done
    rm -f "${RESULTS[@]}" # of an earlier run: none of them must pass for one of this
    run_all measure_one "${queue[@]}"
}

# Milliseconds until the scheduler was attached, one line for each VM.
attach_times() {
    sed -n 's/^.*: attached after \([0-9]*\) ms$/\1/p' "${RESULTS[@]/%.json/.log}"
}

# On every way out: no VM stays, nor what is in TEMPORARY.
TEMPORARY=()
clean_up() {
    local pids
    pids=$(jobs -p)
    if [ -n "$pids" ]; then
        # shellcheck disable=SC2086 # one word per process
        kill -TERM $pids 2>/dev/null || true
        wait || true
    fi
    rm -rf "${TEMPORARY[@]}"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
