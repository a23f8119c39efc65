// SPDX-License-Identifier: GPL-2.0-only
// What a session hears of while it runs: requests, signals, its policy's trouble; and what it
// tells.
#include "session.hpp"

#include "allocation_hooks.hpp"
#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/version.hpp"
#include "rustland/kernel/cgroup_limits.hpp"
#include "rustland/kernel/process_figures.hpp"
#include "waits.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vector>

namespace rustland {

// Those of the request and those of the command line.
Status Session::set_classes(const Request& request) {
    std::vector<ClassedProcess> processes;
    for (const Pid pid : request.companions)
        processes.push_back({pid, TaskClass::Foreground, true});
    for (const Pid pid : request.background)
        processes.push_back({pid, TaskClass::Background});
    for (const Pid pid : request.foreground)
        processes.push_back({pid, TaskClass::Foreground});
    for (const Pid pid : options_.foreground_pids)
        processes.push_back({pid, TaskClass::Foreground});
    log::debug("classes of {} processes", processes.size());
    return scheduler_->set_process_classes(processes);
}

Status Session::set_first_classes() {
    if (!options_.foreground_pids.empty()) {
        if (auto done = set_classes({}); !done)
            return done;
    }
    for (const std::string& path : options_.foreground_cgroups) {
        const auto id = cgroup_id(path);
        if (!id)
            return id.error();
        if (auto done = scheduler_->set_cgroup_class(*id, TaskClass::Foreground); !done)
            return done;
    }
    return {};
}

Status Session::open_server() {
    StatsServer::Callbacks callbacks;
    callbacks.stats = [this] { return stats_answer(); };
    callbacks.classes = [this](const Request& request) { return set_classes(request); };
    callbacks.stop = [this] {
        asked_ = true;
        loop_->stop();
    };
    auto server = StatsServer::open(*loop_, options_.socket, std::move(callbacks));
    if (!server)
        return server.error();
    server_ = *std::move(server);
    return {};
}

Status Session::watch_events() {
    if (auto done = loop_->watch(signals_, EPOLLIN, [this](std::uint32_t) { on_signal(); }); !done)
        return done;
    if (auto done =
            loop_->watch(scheduler_->news_fd(), EPOLLIN, [this](std::uint32_t) { loop_->stop(); });
        !done)
        return done;
    if (auto done = loop_->watch(scheduler_->limits_fd(), EPOLLIN,
                                 [this](std::uint32_t) { on_missed_limit(); });
        !done)
        return done;
    if (auto done =
            loop_->watch(thread_->demoted_fd(), EPOLLIN, [this](std::uint32_t) { on_demotion(); });
        !done)
        return done;
    if (auto done = loop_->watch(thread_->attention_fd(), EPOLLIN,
                                 [this](std::uint32_t) { on_attention(); });
        !done)
        return done;
    if (!options_.stats)
        return {};
    auto timer = IntervalTimer::every(*options_.stats);
    if (!timer)
        return timer.error();
    print_timer_ = *std::move(timer);
    table_.next(values_of(snapshot()));
    return loop_->watch(print_timer_->fd(), EPOLLIN, [this](std::uint32_t) {
        print_timer_->acknowledge();
        print_.write(table_.next(values_of(snapshot())));
    });
}

// Only the first one is told: the loop would else be woken for each.
void Session::on_missed_limit() {
    loop_->forget(scheduler_->limits_fd());
    if (scheduler_->control().limits_enforced == 0)
        log::warn("a cgroup was given a CPU limit (cpu.max), which is not enforced: this kernel's "
                  "type information does not tell where it is");
    else
        log::warn("there is a CPU limit (cpu.max) that is not enforced: it is more than 16 levels "
                  "below the root, or there are more than 65536 cgroups with tasks in them");
}

void Session::on_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) != sizeof(info))
        return;
    log::debug("signal {}", info.ssi_signo);
    asked_ = true;
    loop_->stop();
}

void Session::on_demotion() {
    loop_->forget(thread_->demoted_fd());
    log::warn("the policy worked for {} ms without a pause: its thread goes on without "
              "real-time priority",
              ThreadSettings{}.runaway_after.value / 1'000'000);
}

// The policy has been at work for a while, or has thrown.
void Session::on_attention() {
    std::uint64_t calls = 0;
    static_cast<void>(!::read(thread_->attention_fd(), &calls, sizeof(calls)));
    const rl_counters kernel = scheduler_->counters();
    const LoopCounters& loop = thread_->loop_counters();
    PolicySigns signs;
    signs.errors = loop.policy_errors.get();
    signs.first_error = loop.fault.first();
    signs.fallback = kernel.fallback;
    signs.unasked = kernel.unasked;
    if (counts_allocations())
        signs.allocations = thread_->counters().allocations.get();
    signs.overflows = overflows();
    signs.longest_round = Nanos{thread_->counters().longest_round.load(std::memory_order_relaxed)};
    for (const std::string& warning : watch_->look(signs))
        log::warn("{}", warning);
}

// Of the memory that was offered to the policy; none where none was.
std::uint64_t Session::overflows() const {
    return arena_.size() > 0 ? arena_.overflows().get() : 0;
}

Snapshot Session::snapshot() {
    Snapshot now;
    now.uptime = attached_at_.value > 0 ? monotonic_now() - attached_at_ : Nanos{};
    // The parts before the whole: then a task between the two is never counted as decided before
    // it was queued.
    now.kernel = scheduler_->counters();
    now.waits = scheduler_->waits();
    now.lease_active = scheduler_->control().lease_since != 0;
    now.limits_missed = scheduler_->control().limits_missed != 0;
    now.set_loop(thread_->loop_counters());
    now.policy_waiting = thread_->counters().policy_waiting.load(std::memory_order_relaxed);
    now.online_cpus = read_online_cpus(roots_.sys);
    now.runnable = read_runnable(roots_.proc);
    now.resident_bytes = read_resident_bytes(roots_.proc);
    if (const auto faults = read_page_faults(thread_->tid(), roots_.proc))
        now.page_faults = *faults - std::min(*faults, faults_at_attach_);
    if (counts_allocations())
        now.allocations = thread_->counters().allocations.get();
    now.memory_overflows = overflows();
    now.longest_round = Nanos{thread_->counters().longest_round.load(std::memory_order_relaxed)};
    now.thread_cpu = thread_->cpu_time();
    now.realtime = thread_->realtime();
    return now;
}

std::string Session::stats_answer() {
    if (answer_.is_null())
        answer_ = {{"scheduler", "rustland"},
                   {"version", kVersion},
                   {"pid", ::getpid()},
                   {"policy", policy_->name()},
                   {"policy_counters", nlohmann::json::object()}};
    for (const NamedCounter& counter : policy_counters_)
        answer_["policy_counters"][counter.name] = counter.value->get();
    const Snapshot now = snapshot();
    update_json(answer_["stats"], values_of(now));
    update_json(answer_["waits"], waits_of(now.waits));
    return answer_.dump() + "\n";
}

} // namespace rustland
