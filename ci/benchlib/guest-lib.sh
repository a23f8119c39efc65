# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# In the VM, shared by the guests of the benchmarks: starting and stopping the scheduler that is
# measured, with every doubt about who scheduled as an error.

SCX=/sys/kernel/sched_ext
ops() { cat $SCX/root/ops 2>/dev/null; }
scx_state() { cat $SCX/state 2>/dev/null; }
attached() { [ "$(scx_state)" = enabled ] && [ -n "$(ops)" ]; }
gone() { ! kill -0 "$scheduler" 2>/dev/null; }
attached_or_gone() { attached || gone; }
disabled() { [ "$(scx_state)" = disabled ]; }

# Hundredths of a second since boot.
now_cs() {
    local up
    read -r up _ </proc/uptime
    echo $((10#${up/./}))
}

# wait_for SECONDS COMMAND: status 1 when the time is up.
wait_for() {
    local deadline=$(($(now_cs) + $1 * 100))
    until $2; do
        [ "$(now_cs)" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

log=/tmp/scheduler.log
: >$log
fail() {
    echo "$*" >&2
    if [ -s "$log" ]; then
        echo "--- what the scheduler printed:" >&2
        tail -n 40 "$log" >&2
    fi
    exit 1
}

# start_scheduler COMMAND…: returns when it is attached. Nothing to do for "eevdf".
scheduler=""
start_scheduler() {
    command=("$@")
    if [ "${command[0]}" = eevdf ]; then
        [ "$(scx_state)" != enabled ] || fail "the sched_ext scheduler '$(ops)' is attached"
        return
    fi
    command -v "${command[0]}" >/dev/null ||
        fail "there is no scheduler '${command[0]}' in the VM: it has not been built"
    local started
    started=$(now_cs)
    "${command[@]}" >$log 2>&1 &
    scheduler=$!
    wait_for 20 attached_or_gone || fail "'${command[*]}' did not attach within 20 s"
    if gone; then
        wait "$scheduler"
        fail "'${command[*]}' ended with status $? instead of attaching"
    fi
    echo "$(ops): attached after $(($(now_cs) - started))0 ms" >&2
    if [ "${command[0]}" = env ]; then # a peer, whose ops may have any name
        SCHEDULER_NAME=$(basename "${command[2]}")
    else
        SCHEDULER_NAME=${command[0]}
        local name=$SCHEDULER_NAME
        [[ $name != example-* ]] || name=rustland # they are policies of librustland
        [[ $(ops) == "$name"* ]] || fail "attached is '$(ops)', not '$name'"
    fi
}

# stop_scheduler: fails unless it was there until now and leaves as it should.
stop_scheduler() {
    if [ -z "$scheduler" ]; then
        [ "$(scx_state)" != enabled ] || fail "the sched_ext scheduler '$(ops)' is attached"
        return
    fi
    gone && fail "'${command[*]}' went away during the run"
    attached || fail "sched_ext is '$(scx_state)' at the end of the run"
    kill -TERM "$scheduler"
    wait_for 10 gone || fail "'${command[*]}' did not stop within 10 s of SIGTERM"
    wait "$scheduler"
    local status=$?
    [ $status = 0 ] || fail "'${command[*]}' ended with status $status after SIGTERM"
    wait_for 10 disabled || fail "sched_ext is '$(scx_state)' after the scheduler has ended"
    echo "--- what the scheduler printed:" >&2
    cat $log >&2
}

# CPU time of all that ever ran in a control group, in microseconds: with or without the cpu
# controller, and of processes that are gone, too.
group_cpu_us() {
    local key value
    while read -r key value; do
        [ "$key" != usage_usec ] || echo "$value"
    done <"$1/cpu.stat"
}
