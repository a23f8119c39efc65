#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A policy that asks for it is told of the exits of tasks that it knows: on every kernel.
# vm kernels: smoke
# vm cpus: 2
# vm timeout: 60
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

told_of_exits() { [ "$(counter exits)" -ge 20 ]; }

SCHEDULER=(example-per_cpu)
start_scheduler
for _ in 1 2 3; do spin_anywhere; done
assert_ok "short-lived processes" timeout 20 vm-tasks storm --parents 2 --children 30
wait_for 20 "the policy is told of exits" told_of_exits
stop_spinners
echo "$(counter exits) exits, $(counter queued) queued"
assert_eq "exits that got lost" 0 "$(counter exits_lost)"
assert_clean
stop_scheduler
