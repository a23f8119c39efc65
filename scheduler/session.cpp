// SPDX-License-Identifier: GPL-2.0-only
#include "session.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "rustland/kernel/cgroup_limits.hpp"
#include "rustland/kernel/kernel_types.hpp"
#include "rustland/kernel/process_figures.hpp"
#include "rustland/kernel/sysfs_topology.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fmt/format.h>
#include <unistd.h>

namespace rustland {
namespace {

constexpr Nanos kJoinTime = seconds(1);    // for the policy's thread to end
constexpr Nanos kDisableTime = seconds(2); // for an earlier scheduler to go
constexpr const char* kCompactUnevictable = "/proc/sys/vm/compact_unevictable_allowed";

Session::Outcome fail(ExitCode code, const std::string& line) {
    log::error("{}", line);
    return {code};
}

// A scheduler that was just stopped or killed needs a moment to be gone.
void wait_for_disable(const SystemRoots& roots) {
    const Nanos until = monotonic_now() + kDisableTime;
    while (read_sched_ext_state(roots.sys).state == "disabling" && monotonic_now() < until) {
        const timespec pause{0, 5'000'000};
        ::nanosleep(&pause, nullptr);
    }
}

Topology find_topology(const SystemRoots& roots) {
    auto topology = read_topology(roots.sys);
    if (topology)
        return *std::move(topology);
    log::warn("{}, taking all CPUs as equal", topology.error().message());
    std::vector<CpuFacts> facts(
        static_cast<std::size_t>(std::max(::sysconf(_SC_NPROCESSORS_CONF), 1L)));
    for (std::size_t i = 0; i < facts.size(); ++i)
        facts[i].id = CpuId{static_cast<std::int32_t>(i)};
    return build_topology(std::move(facts));
}

BpfSettings to_settings(const Options& options, const Topology& topology, const Policy& policy) {
    BpfSettings settings;
    settings.lease = options.lease;
    settings.slice = options.slice_max;
    settings.slice_busy =
        std::clamp(settings.slice_busy, std::min(options.slice_min, millis(5)), options.slice_max);
    settings.timeout_ms = options.timeout_ms;
    settings.exit_dump_len = options.exit_dump_len;
    settings.partial = options.partial;
    settings.numa_local = options.numa_local;
    settings.percpu_local = options.percpu_local;
    settings.cpufreq = options.cpufreq;
    settings.hand_on = policy.hands_on();
    settings.report_exits = policy.wants_exits();
    settings.nr_cpus = topology.nr_ids;
    settings.nr_online = topology.nr_online;
    settings.cpu_llc = topology.llc_by_id();
    settings.big_cpu = topology.big_by_id();
    return settings;
}

} // namespace

Session::Outcome Session::run() {
    wait_for_disable(roots_);
    if (const auto obstacle = find_obstacle(roots_, options_.realtime))
        return fail(obstacle->code, obstacle->line);
    topology_ = find_topology(roots_);
    for (const auto step :
         {&Session::make_policy, &Session::load, &Session::prepare, &Session::attach}) {
        if (const auto failed = (this->*step)())
            return *failed;
    }
    if (const auto done = loop_->run(); !done)
        log::error("{}", done.error().message());
    return finish();
}

std::optional<Session::Outcome> Session::make_policy() {
    const PolicyContext context{.topology = topology_,
                                .memory = arena_,
                                .slice_max = options_.slice_max,
                                .slice_min = options_.slice_min,
                                .others_share = options_.others_share,
                                .policy = options_.policy,
                                .arguments = options_.arguments};
    try {
        auto policy = factory_(context);
        if (!policy)
            return fail(ExitCode::Failure, policy.error().message());
        if (*policy == nullptr)
            return fail(ExitCode::Failure, "the program made no policy");
        policy_ = *std::move(policy);
        policy_counters_ = policy_->counters();
    } catch (const std::exception& error) {
        return fail(ExitCode::Failure, fmt::format("making the policy: {}", error.what()));
    }
    watch_.emplace(policy_->name(), options_.lease);
    return std::nullopt;
}

std::optional<Session::Outcome> Session::load() {
    static_cast<void>(take_libbpf_messages());
    auto scheduler = BpfScheduler::load(to_settings(options_, topology_, *policy_));
    if (scheduler) {
        scheduler_ = *std::move(scheduler);
        return std::nullopt;
    }
    // Only now, since going through the kernel's types takes its time.
    const auto broken = kfuncs_with_hidden_argument().value_or({});
    const auto obstacle = explain_load_failure(scheduler.error(), take_libbpf_messages(), broken);
    return fail(obstacle.code, obstacle.line);
}

// All that needs memory, and then the memory is locked and the thread waits: before the first task
// depends on it.
std::optional<Session::Outcome> Session::prepare() {
    auto loop = EventLoop::create();
    if (!loop)
        return fail(ExitCode::Failure, loop.error().message());
    loop_ = *std::move(loop);
    if (const auto done = open_server(); !done) {
        if (options_.socket_given)
            return fail(ExitCode::Refused, done.error().message());
        log::warn("no statistics for other programs: {}, ignoring", done.error().message());
    }
    auto compaction = SysctlOverride::set(kCompactUnevictable, "0");
    if (compaction)
        compaction_.emplace(*std::move(compaction));
    else
        log::debug("{}, ignoring", compaction.error().message());
    auto memory = LockedMemory::lock();
    if (!memory)
        return fail(ExitCode::Refused, memory.error().message());
    memory_.emplace(*std::move(memory));

    ThreadSettings settings;
    settings.realtime = options_.realtime;
    settings.slice = std::min(settings.slice, options_.slice_max);
    auto thread = SchedulerThread::start(*scheduler_, scheduler_->queued_fd(), *policy_, settings);
    if (!thread)
        return fail(ExitCode::Refused, thread.error().message());
    thread_ = *std::move(thread);
    return std::nullopt;
}

std::optional<Session::Outcome> Session::attach() {
    Status done = watch_events();
    if (done)
        done = set_first_classes();
    if (done) {
        attached_at_ = monotonic_now();
        faults_at_attach_ = read_page_faults(thread_->tid()).value_or(0);
        done = scheduler_->attach(thread_->tid());
    }
    if (!done) {
        thread_->request_stop();
        static_cast<void>(thread_->join_for(kJoinTime));
        const auto obstacle = explain_attach_failure(done.error(), take_libbpf_messages(), roots_);
        return fail(obstacle.code, obstacle.line);
    }
    log::info("attached: policy {}, {} CPUs, {} cores, {} last-level caches, {} NUMA nodes",
              policy_->name(), topology_.nr_online, topology_.nr_cores, topology_.nr_llcs,
              topology_.nr_nodes);
    warn_about_limits();
    return std::nullopt;
}

void Session::warn_about_limits() {
    if (scheduler_->control().limits_enforced != 0)
        return;
    const auto limited = cgroups_with_cpu_max();
    if (!limited.empty())
        log::warn("the CPU limits (cpu.max) of {} cgroups, such as '{}', are not enforced: "
                  "this kernel's type information does not tell where they are",
                  limited.size(), limited.front());
}

Session::Outcome Session::finish() {
    // The thread goes on deciding until the kernel's own scheduler has everything back.
    if (!scheduler_->exit_info().ended())
        scheduler_->detach();
    const ExitInfo info = scheduler_->exit_info();
    const ExitReport report = report_exit(info, asked_);
    thread_->request_stop();
    const bool joined = thread_->join_for(kJoinTime);
    log_exit(report, info);
    if (!joined)
        end_with_stuck_thread(report);
    scheduler_->detach();
    return {report.code, report.restart};
}

// The thread still uses the policy and the tables, so nothing of that can be freed: leave without.
// Nor are stdio's buffers written out, because the thread may hang in a policy's own printf() and
// hold the lock of one; what this program writes is in none of them.
void Session::end_with_stuck_thread(const ExitReport& report) {
    const std::string where = thread_->loop_counters().fault.where();
    log::error("the policy {} does not come back{}{}: ending the process around it",
               policy_->name(), where.empty() ? "" : " from ", where);
    server_.reset();
    compaction_.reset();
    log::flush();
    std::_Exit(static_cast<int>(report.code));
}

} // namespace rustland
