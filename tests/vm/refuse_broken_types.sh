#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A kernel whose type information shows arguments that it should hide is refused in one line.
# vm kernels: smoke
# vm on: broken
# vm cpus: 1
# vm timeout: 30
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

status=0
said=$(rustland 2>&1) || status=$?
echo "$said"
assert_eq "exit status" "$EXIT_KERNEL_TYPES" "$status"
assert_eq "number of lines" 1 "$(wc -l <<<"$said")"
assert_match "what it says" "type information \(BTF\) is broken.*scx_bpf_[a-z_]* .*boot another kernel" "$said"
assert_eq "state of sched_ext" disabled "$(scx_state)"
