#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which CPUs are the large ones, by what machines tell in sysfs: light tasks go to large CPUs that are idle.
# CPUs 0 and 1 are the slower ones here, where there are any.
# vm kernels: main
# vm cpus: 4
# vm pending: takes a minute and a half; unit tests have the same machines
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

REAL=/sys/devices/system/cpu

# machine NAME PERF-LARGE PERF-SMALL KHZ-LARGE KHZ-SMALL [CAPACITY]: a copy of what is read
machine() {
    local dir=/tmp/$1 cpu file perf khz
    mkdir -p "$dir"
    for file in possible present online; do cat $REAL/$file >"$dir/$file"; done
    for cpu in 0 1 2 3; do
        mkdir -p "$dir/cpu$cpu"/{cache/index0,topology,acpi_cppc,cpufreq}
        echo 3 >"$dir/cpu$cpu/cache/index0/level"
        echo Unified >"$dir/cpu$cpu/cache/index0/type"
        echo 0-3 >"$dir/cpu$cpu/cache/index0/shared_cpu_list"
        echo $cpu >"$dir/cpu$cpu/topology/core_cpus_list"
        echo 0 >"$dir/cpu$cpu/topology/physical_package_id"
        perf=$2 khz=$4
        [ $cpu -ge 2 ] || perf=$3 khz=$5
        echo "$perf" >"$dir/cpu$cpu/acpi_cppc/highest_perf"
        echo "$khz" >"$dir/cpu$cpu/cpufreq/cpuinfo_max_freq"
        [ $# -lt 6 ] || echo "$6" >"$dir/cpu$cpu/cpu_capacity"
    done
}

# look NAME: sets SEEN to how often two light tasks, which begin on CPUs 0 and 1, are seen on each
look() {
    local tid cpu
    mount --bind "/tmp/$1" $REAL || fail "cannot play the machine $1"
    start_scheduler
    start_beat --threads 2
    for tid in /proc/"$BEAT_PID"/task/*; do taskset -pc 0,1 "${tid##*/}" >/dev/null; done
    beats_at_least 1
    for tid in /proc/"$BEAT_PID"/task/*; do taskset -pc 0-3 "${tid##*/}" >/dev/null; done
    sleep 0.5
    SEEN=(0 0 0 0)
    for _ in {1..60}; do
        for tid in /proc/"$BEAT_PID"/task/*; do
            [ "${tid##*/}" != "$BEAT_PID" ] || continue # which only waits
            cpu=$(last_cpu "${tid##*/}")
            SEEN[cpu]=$((SEEN[cpu] + 1))
        done
        sleep 0.02
    done
    stop_beat
    stop_scheduler
    umount $REAL
    echo "$1: seen on CPUs 0 to 3: ${SEEN[*]}"
}
# Tasks also meet this script on the large CPUs, and then a small one is idle.
large_mostly() {
    [ $(((SEEN[0] + SEEN[1]) * 4)) -le $((SEEN[2] + SEEN[3])) ] || fail "$1: small CPUs are used: ${SEEN[*]}"
}
all_alike() {
    [ $(((SEEN[0] + SEEN[1]) * 3)) -ge $((SEEN[2] + SEEN[3])) ] || fail "$1: CPUs are left out: ${SEEN[*]}"
}

machine no-capacity 68 42 5100000 3900000
machine flat-capacity 68 42 5100000 3900000 1024
machine flat-ranks 64 64 4900000 3600000 1024
machine preferred-cores 236 166 5700000 5700000
machine alike 216 216 5700000 5700000
for name in no-capacity flat-capacity flat-ranks; do
    look $name
    large_mostly $name
done
for name in preferred-cores alike; do
    look $name
    all_alike $name
done
