#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A kernel without sched_ext is refused in one line that says what to do.
# vm kernels: smoke
# vm on: none
# vm cpus: 1
# vm timeout: 30
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

status=0
said=$(rustland 2>&1) || status=$?
assert_eq "exit status" "$EXIT_NO_SCHED_EXT" "$status"
assert_eq "what it says" "rustland: error: this kernel has no sched_ext: boot one that is built \
with CONFIG_SCHED_CLASS_EXT=y (Linux 6.16 or newer)" "$said"
