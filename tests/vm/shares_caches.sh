#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Shares hold across last-level caches: not only among the tasks that chance has put into one.
# vm kernels: main
# vm cpus: 4,sockets=2
# vm timeout: 120
# vm append: cryptomgr.notests
# shellcheck source=tests/vm/shares_lib.sh
. "$(dirname "$0")/shares_lib.sh"
shares_hold groups-100-300 nice jobs-same
