#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The VM is what the other tests take it for.
# vm kernels: smoke
# vm on: any
# vm realtime
# vm cpus: 3
# vm timeout: 30
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# "6.18" -> 6.18.15+deb13-cloud-amd64; what is expected comes from the runner.
assert_match "kernel release" "^${VM_KERNEL//./\\.}\." "$(uname -r)"
assert_eq "number of CPUs" 3 "$(nproc)"

case $VM_CAPABILITY in
none) [ ! -e "$SCX" ] || fail "this kernel has sched_ext, though it was taken for one without" ;;
*) assert_eq "state of sched_ext" disabled "$(scx_state)" ;;
esac

grep -q " /sys/fs/cgroup cgroup2 " /proc/mounts || fail "/sys/fs/cgroup is not a cgroup2 mount"
assert_match "controllers for child groups" "cpu" "$(cat /sys/fs/cgroup/cgroup.subtree_control)"
for folder in /sys/fs/bpf /sys/kernel/tracing /sys/kernel/debug; do
    grep -q " $folder " /proc/mounts || fail "$folder is not mounted"
done
assert_match "loopback interface" "UP" "$(ip link show lo)"

# A wait ends when its condition holds, and says what it waited for when it does not.
start=$(now_ms)
(sleep 0.3 && touch /tmp/flag) &
wait_for 10 "the flag" test -e /tmp/flag
elapsed=$(($(now_ms) - start))
[ $elapsed -ge 250 ] || fail "wait_for returned after $elapsed ms, before its condition held"
assert_le "time until wait_for saw the flag, ms" $elapsed 9000
if message=$(wait_for 1 "what never comes" false); then fail "wait_for passed without its condition"; fi
assert_eq "message of wait_for" "FAIL: not within 1 s: what never comes" "$message"
