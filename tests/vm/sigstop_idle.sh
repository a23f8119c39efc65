#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A stopped scheduler on a machine with almost nothing to do: nobody but the lease can give its
# waiting tasks a CPU, and nobody but the lease can tell that the scheduler is gone.
# vm cpus: 2
# vm timeout: 60
# vm expect-sched-ext-error: unregistered from BPF
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

# leaves_by_itself: the stopped scheduler, until it is disabled; then lets it run on and end.
leaves_by_itself() {
    local stopped=$1
    wait_for 10 "the scheduler leaves by itself" scx_is disabled
    # 2 s on the lease, which begins when the first task has waited for 20 ms.
    assert_le "time from the stop to the end of the scheduler, ms" $(($(now_ms) - stopped)) 3500
    kill -CONT "$SCHEDULER_PID"
    wait_scheduler_exit 10
    assert_eq "exit status of a scheduler that left by itself" "$EXIT_SILENT" "$SCHEDULER_STATUS"
}

echo "one CPU with two tasks that are bound to it, the other idle"
start_scheduler
spin_on 1 # the only way in which a task has to wait on this machine
start_beat --cpus 1
wait_for 10 "the bound task makes progress" beats_at_least 5
read_beats
kill -STOP "$SCHEDULER_PID"
stopped=$(now_ms)
before=$BEATS
wait_for 10 "the bound task makes progress without user space" beats_at_least $((before + 10))
read_beats
assert_eq "state of sched_ext while the lease runs" enabled "$(scx_state)"
assert_le "longest wait on the lease, us" "$LONGEST_US" 100000
leaves_by_itself "$stopped"
read_beats # the change of schedulers is in here
assert_le "longest wait when the lease ended, us" "$LONGEST_US" 100000
before=$BEATS
wait_for 10 "the bound task makes progress under the kernel's scheduler" beats_at_least $((before + 10))
stop_beat
stop_spinners

echo "tasks that wait only for a moment, and then an idle machine"
start_scheduler
kill -STOP "$SCHEDULER_PID"
stopped=$(now_ms)
spin_on 1
spin_on 1
wait_for 2 "the lease has dispatched a task" spinners_have_run
stop_spinners
leaves_by_itself "$stopped"

echo "an idle machine: as long as nobody waits, a stopped scheduler is no reason to leave"
start_scheduler
kill -STOP "$SCHEDULER_PID"
sleep 4 # longer than the lease lasts
after_idle=$(scx_state)
kill -CONT "$SCHEDULER_PID"
if [ "$after_idle" = enabled ]; then
    spin_on 1
    start_beat --cpus 1
    wait_for 10 "tasks make progress after the scheduler was continued" beats_at_least 20
    assert_eq "state of sched_ext" enabled "$(scx_state)"
    stop_beat
    stop_spinners
    stop_scheduler
else
    echo "some task had to wait, so the scheduler left"
    wait_scheduler_exit 10
    assert_eq "exit status of a scheduler that left by itself" "$EXIT_SILENT" "$SCHEDULER_STATUS"
fi
