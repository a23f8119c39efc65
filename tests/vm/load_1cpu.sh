#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Messages between many tasks and many short-lived processes, on 1 CPU.
# vm kernels: main
# vm cpus: 1
# vm timeout: 60
# shellcheck source=tests/vm/load_lib.sh
. "$(dirname "$0")/load_lib.sh"
