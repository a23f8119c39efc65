// SPDX-License-Identifier: GPL-2.0-only
#include "bench/observer.hpp"

#include "bench/clocks.hpp"
#include "rustland/common/clock.hpp"

#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace rustland::bench {
namespace {

// The C library has no wrappers for these before 2.36, and its header clashes with <csignal> in
// 2.36.
int open_pidfd(Pid pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)); }
int send_signal(int pidfd, int signal) {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

} // namespace

Observer::Observer(const RunOptions& options)
    : identity_(read_scheduler_identity()), comm_(options.scheduler_comm.value_or(identity_.ops)),
      socket_(options.scheduler_socket) {
    if (!comm_.empty())
        pid_ = find_by_comm(comm_);
    if (!comm_.empty() && !pid_)
        fmt::print(stderr,
                   "rustland-bench: no process is called '{}': the scheduler's CPU time and "
                   "memory are not measured (--scheduler-comm NAME)\n",
                   comm_);
}

Observation Observer::observe() const {
    Observation now;
    now.identity = read_scheduler_identity();
    if (pid_) {
        if (const auto usage = read_usage(*pid_))
            now.usage = *usage;
        if (const auto decisions = query_decision_counts(socket_))
            now.decisions = *decisions;
    }
    now.context_switches = read_context_switches();
    now.at = monotonic_now();
    return now;
}

SchedulerStats Observer::stats(const Observation& before, const Observation& after) const {
    SchedulerStats s;
    // A supervisor may have brought it when it saw the game: what counts is the measured time.
    s.ops = before.identity.ops;
    s.changed = before.identity != after.identity;
    if (!pid_)
        return s;
    s.comm = comm_;
    s.pid = pid_->value;
    if (!before.usage || !after.usage) {
        s.changed = true; // its process went away
        return s;
    }
    const double used = to_seconds(after.usage->cpu - before.usage->cpu);
    const double time = to_seconds(after.usage->at - before.usage->at);
    s.cpu_seconds = used;
    s.cpu_percent = 100.0 * used / time;
    s.rss_mib = static_cast<double>(after.usage->rss_kib) / 1024.0;
    s.peak_rss_mib = static_cast<double>(after.usage->peak_rss_kib) / 1024.0;
    if (before.decisions && after.decisions) {
        const double decided = after.decisions->decided - before.decisions->decided;
        s.decisions_per_s = decided / time;
        s.decided_percent = decided_percent(*before.decisions, *after.decisions);
        if (decided > 0)
            s.cpu_us_per_decision = 1e6 * used / decided;
    }
    return s;
}

Result<InjectedFault> InjectedFault::prepare(Fault fault, std::optional<Pid> process) {
    InjectedFault injected;
    if (fault == Fault::None)
        return injected;
    if (!process)
        return Error("there is no scheduler's process to stop or kill: start a sched_ext scheduler "
                     "first");
    injected.pidfd_.reset(open_pidfd(*process));
    if (!injected.pidfd_)
        return Error::from_errno("scheduler's process");
    injected.fault_ = fault;
    return injected;
}

Status InjectedFault::inject() {
    if (fault_ == Fault::None)
        return {};
    if (send_signal(pidfd_.get(), fault_ == Fault::Kill ? SIGKILL : SIGSTOP) != 0)
        return Error::from_errno("signal to the scheduler's process");
    return {};
}

InjectedFault::~InjectedFault() {
    if (fault_ == Fault::Stop)
        send_signal(pidfd_.get(), SIGCONT);
}

} // namespace rustland::bench
