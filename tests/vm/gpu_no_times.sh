#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A graphics driver that tells no times of engines, as vgem and NVIDIA's own: a rule with gpu= finds nothing,
# and whoever asks is told why.
# vm generic
# vm modules: vgem
# vm cpus: 2
# vm timeout: 60
# shellcheck source=tests/vm/supervisor_lib.sh
. "$(dirname "$0")/supervisor_lib.sh"

device=
for node in /dev/dri/r* /dev/dri/c*; do
    [ -z "$device" ] && [ -e "$node" ] && device=$node
done
[ -n "$device" ] || fail "vgem has made no device: $(ls -R /dev/dri 2>&1)"

{
    base_config | sed 's/^runner/scan_interval = 1s\nrunner/'
    printf '\n[workload draws]\nprogram = painter\ngpu = yes\n'
} >$CONFIG
start_daemon
# It has other things to say of a machine on which nothing is installed.
OUTPUT=$(rustlandctl doctor)
assert_match "graphics in doctor" "good +graphics: no program uses it" "$OUTPUT"

chmod 666 "$device"
setpriv --reuid 65534 --regid 65534 --clear-groups vm-tasks pose --open "$device" painter painter --fullscreen &
painter=$!
holds_device() {
    local file
    for file in /proc/"$painter"/fd/*; do
        [[ $(readlink "$file") != /dev/dri/* ]] || return 0
    done
    return 1
}
wait_for 10 "the program holds the device" holds_device
grep -q drm-engine /proc/$painter/fdinfo/* && fail "this driver tells times of engines"
scanned() { [ "$(number scans)" -ge $((scans + 3)) ]; }
scans=$(number scans)
wait_for 10 "three scans" scanned
off || fail "found by what nobody tells"
listed $painter && fail "listed by what nobody tells"

assert_ok explain rustlandctl explain $painter
echo "$OUTPUT" | grep "gpu:"
assert_match "explain" "- gpu: is unknown: the graphics driver tells no times; wanted at least 10%" "$OUTPUT"
assert_match "explain" "is no game: no rule matches" "$OUTPUT"
OUTPUT=$(rustlandctl doctor)
echo "$OUTPUT" | grep graphics
assert_match "doctor" "note +graphics: the driver does not tell how busy" "$OUTPUT"
end_daemon TERM

echo "with the capabilities of the shipped unit, until it is given one more"
as_shipped="-all,+net_admin,+sys_ptrace"
for capabilities in "$as_shipped" "$as_shipped,+dac_read_search"; do
    start_daemon_by setpriv "--bounding-set=$capabilities" rustlandd
    scans=$(number scans)
    wait_for 10 "three scans" scanned
    assert_ok explain rustlandctl explain $painter
    echo "$OUTPUT" | grep "gpu:"
    wanted="rustlandd may not see what it has open"
    [ "$capabilities" = "$as_shipped" ] || wanted="the graphics driver tells no times"
    assert_match "explain" "- gpu: is unknown: $wanted" "$OUTPUT"
    end_daemon TERM
done
kill $painter
