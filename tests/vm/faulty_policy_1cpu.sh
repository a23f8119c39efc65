#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Policies that do not do their job, on one CPU: the machine must stay alive, by itself.
# vm cpus: 1
# vm timeout: 60
# vm expect-sched-ext-error: unregistered from BPF
# shellcheck source=tests/vm/faulty_policy_lib.sh
. "$(dirname "$0")/faulty_policy_lib.sh"
