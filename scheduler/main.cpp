// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/clock.hpp"
#include "rustland/core/dispatch_loop.hpp"
#include "rustland/kernel/bpf_scheduler.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include <csignal>
#include <cstdio>
#include <fmt/core.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
using namespace rustland;
static volatile bool stop;
int main(int argc, char**) {
    std::signal(SIGINT, [](int) { stop = true; });
    std::signal(SIGTERM, [](int) { stop = true; });
    set_libbpf_verbosity(false);
    BpfSettings s;
    s.nr_cpus = s.nr_online = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
    auto k = BpfScheduler::load(s);
    if (!k) {
        fmt::print(stderr, "{}\n{}", k.error().message(), take_libbpf_messages());
        return 1;
    }
    DeadlineParams params;
    params.nr_cpus = s.nr_cpus;
    DeadlinePolicy policy(params, 4096);
    LoopCounters counters;
    DispatchLoop loop(**k, policy, counters, millis(5));
    ::mlockall(MCL_CURRENT | MCL_FUTURE);
    sched_param sp{};
    sp.sched_priority = 1;
    if (argc > 1 && sched_setscheduler(0, SCHED_FIFO, &sp) != 0)
        perror("fifo");
    if (auto r = (*k)->attach(); !r) {
        fmt::print(stderr, "{}\n{}", r.error().message(), take_libbpf_messages());
        return 1;
    }
    fmt::print("attached\n");
    std::fflush(stdout);
    while (!stop && !(*k)->exit_info().ended()) {
        epoll_event ev{};
        epoll_wait((*k)->queued_fd(), &ev, 1, -1);
        while (loop.run_once(monotonic_now()) != DispatchLoop::Round::Idle) {
        }
    }
    auto e = (*k)->exit_info();
    (*k)->detach();
    if (!e.ended())
        e = (*k)->exit_info();
    fmt::print("exit kind={} code={} {} {}\n{}\n", e.kind, e.code, e.reason, e.message, e.dump);
    auto c = (*k)->counters();
    fmt::print(
        "queued={} decided={} fallback={} dequeued={} congested={} idle={} kthread={} self={} "
        "resumed={} "
        "stale={} retried={} ki={} kp={} kd={} stolen={} notified={} reenq={} err={} rounds={}\n",
        c.queued, c.decided, c.fallback, c.dequeued, c.congested, c.idle, c.bypass_kthread,
        c.bypass_self, c.resumed, c.stale, c.retried, c.kick_idle, c.kick_preempt, c.kick_dry,
        c.stolen, c.notified, c.reenqueued, c.errors, counters.rounds.get());
}
