#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Shares hold across last-level caches: not only among the tasks that chance has put into one.
# vm kernels: main
# vm cpus: 4,sockets=2
# vm timeout: 120
# vm append: cryptomgr.notests
# shellcheck source=tests/vm/shares_lib.sh
. "$(dirname "$0")/shares_lib.sh"
shares_hold groups-100-300 nice sleepers

# Twelve tasks of one weight, eight of them in four streams of jobs, get a twelfth each. Not beside what
# the kernel's own scheduler gives them: that is up to a fifth more for those that compute.
# in_range LABEL LEAST MOST: each of the tasks with this label, in percent.
in_range() {
    local percent
    percent=$(sed -n "s/.*\"label\":\"$1\",\"percent\":\[\([^]]*\)\].*/\1/p" /tmp/jobs)
    echo "$1: $percent % each"
    tr , '\n' <<<"$percent" | awk -v least="$2" -v most="$3" \
        '{ n++ } $1 < least || $1 > most { bad = 1 } END { exit bad || n != 4 }' ||
        fail "$1: not $2 to $3 % each"
}
CONFIGURATIONS=(jobs-same)
start_scheduler
measure jobs
assert_clean
stop_scheduler
in_range "storm work=30ms alive=2" 14.7 18.7
in_range hog 7.3 9.3
