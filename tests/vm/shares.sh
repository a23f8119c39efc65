#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Groups and tasks get the CPU time that they get under the kernel's own scheduler. A handful of the
# configurations; all of them are "ci/bench shares".
# vm cpus: 4
# vm timeout: 120
# vm append: cryptomgr.notests
# shellcheck source=tests/vm/shares_lib.sh
. "$(dirname "$0")/shares_lib.sh"
shares_hold session-nice nested sleepers pipes-same
