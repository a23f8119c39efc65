#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The histograms of waits count each start once, under its class and in its bucket.
# vm cpus: 2
# vm timeout: 120
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# Where a bucket begins; for awk, which has no powers here.
BEGIN_US='function begin_us(bucket, us) {
    if (bucket == 0) return 0
    for (us = 1; bucket > 0; bucket--) us *= 2
    return us
}'
# starts CLASS [FROM_US]: how many waits were counted, those in buckets from FROM_US up
starts() {
    vm-tasks stats | awk -v class="$1" -v from="${2:-0}" "$BEGIN_US"'
        sub("^waits\\." class "\\.counts\\.", "") {
            if (begin_us($1) >= from) sum += $2
            found++
        }
        END { if (found != 20) exit 1; print sum + 0 }' || fail "no histogram of $1 in the statistics"
}
# What the kernel counts of a process whoever schedules it: times that its threads got a CPU.
kernel_starts() {
    local thread runs sum=0
    for thread in /proc/"$1"/task/*/schedstat; do
        read -r _ _ runs <"$thread" || fail "no schedstat of $1"
        sum=$((sum + runs))
    done
    echo "$sum"
}

start_scheduler
start_beat --threads 4
vm-tasks ask "{\"request\":\"classes\",\"foreground\":[$BEAT_PID]}" >/dev/null || fail "no classes"
in_foreground() { [ "$(starts foreground)" -ge 40 ]; }
wait_for 20 "the beats are counted in the foreground" in_foreground

echo "each start is counted once"
counted=$(starts foreground) kernel=$(kernel_starts "$BEAT_PID")
sleep 3
counted=$(($(starts foreground) - counted)) kernel=$(($(kernel_starts "$BEAT_PID") - kernel))
echo "counted $counted starts, the kernel $kernel"
[ "$kernel" -ge 400 ] || fail "too few starts for a comparison: $kernel"
difference=$((counted > kernel ? counted - kernel : kernel - counted))
assert_le "difference, in starts" $difference $((kernel / 20 + 10))

echo "who is kept waiting is in a large bucket, and who is not is not"
before=$(starts normal 8192)
for _ in 1 2 3 4; do spin_on 1; done
# Each waits for three slices of the others.
long_waits() { [ $(($(starts normal 8192) - before)) -ge 10 ]; }
wait_for 30 "long waits are counted" long_waits
before=$(starts background 8192)
[ "$before" -eq 0 ] || fail "long waits in the background, where nothing is: $before"
vm-tasks ask "{\"request\":\"classes\",\"foreground\":[$BEAT_PID],\"background\":[${SPINNERS[0]}]}" \
    >/dev/null || fail "no classes"
background_waits() { [ "$(starts background 8192)" -ge 3 ]; }
wait_for 30 "they are counted in the background" background_waits
long=$(starts foreground 8192) all=$(starts foreground)
echo "foreground: $all starts, $long after 8 ms or more"
assert_le "long waits in the foreground" "$long" $((all / 50))

echo "the sum fits the counts"
read -r sum least < <(vm-tasks stats | awk "$BEGIN_US"'
    $1 == "waits.normal.seconds" { sum = $2 }
    sub("^waits\\.normal\\.counts\\.", "") { least += $2 * begin_us($1) / 1000000 }
    END { printf "%.0f %.0f\n", sum * 1000, least * 1000 }')
[ "$sum" -ge "$least" ] || fail "all waits took $sum ms, their buckets begin at $least ms"
[ "$least" -gt 0 ] || fail "no sum"

assert_ok "rustlandctl top" rustlandctl top --once -d 1
assert_match "the histogram on the screen" $'\n''normal +[0-9]+ +[<>]' "$OUTPUT"
assert_ok "rustlandctl metrics" rustlandctl metrics
assert_match "the histogram as a metric" \
    'wait_seconds_bucket\{class="normal",le="\+Inf"\} [1-9]' "$OUTPUT"
stop_beat
stop_spinners
assert_clean
stop_scheduler
