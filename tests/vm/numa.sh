#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two NUMA nodes: found in the topology, and with --numa-local everything goes on as well.
# vm kernels: main
# vm cpus: 4,sockets=2
# vm memory: 1G
# vm qemu: -object memory-backend-ram,size=512M,id=m0 -object memory-backend-ram,size=512M,id=m1 -numa node,cpus=0-1,memdev=m0 -numa node,cpus=2-3,memdev=m1
# vm timeout: 60
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

assert_eq "NUMA nodes" 0-1 "$(cat /sys/devices/system/node/online)"
for option in --numa-local --percpu-local; do
    echo "with $option"
    start_scheduler $option
    assert_match "topology" "4 CPUs, .* 2 NUMA nodes" "$(cat "$SCHEDULER_LOG")"
    start_beat --threads 3 --cpus 0,3
    for _ in 1 2 3 4 5 6; do spin_anywhere; done
    assert_ok "fork storm" timeout 30 vm-tasks storm --parents 4 --children 50
    assert_ok "churn" timeout 30 vm-tasks churn --threads 100 --rounds 5 --limit-s 20
    read_beats
    echo "longest wait: $LONGEST_US us"
    assert_le "longest wait, us" "$LONGEST_US" 200000
    for pid in "${SPINNERS[@]}"; do wait_for 10 "each task runs" ran_for "$pid" 10; done
    stop_beat
    stop_spinners
    wait_counters_agree
    show_counters
    stop_scheduler
done
