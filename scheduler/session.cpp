// SPDX-License-Identifier: GPL-2.0-only
#include "session.hpp"

#include "allocation_hooks.hpp"
#include "event_loop.hpp"
#include "exit_report.hpp"
#include "policy_watch.hpp"
#include "preflight.hpp"
#include "rustland/common/clock.hpp"
#include "rustland/common/version.hpp"
#include "rustland/kernel/bpf_scheduler.hpp"
#include "rustland/kernel/cgroup_limits.hpp"
#include "rustland/kernel/kernel_types.hpp"
#include "rustland/kernel/memory.hpp"
#include "rustland/kernel/process_figures.hpp"
#include "rustland/kernel/scheduler_thread.hpp"
#include "rustland/kernel/sysfs_topology.hpp"
#include "stats.hpp"
#include "stats_server.hpp"
#include "stats_table.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace rustland {
namespace {

constexpr std::size_t kMostRestarts = 5; // in kRestartSpan
constexpr Nanos kRestartSpan = seconds(60);
constexpr Nanos kJoinTime = seconds(1);    // for the policy's thread to end
constexpr Nanos kDisableTime = seconds(2); // for an earlier scheduler to go
constexpr const char* kCompactUnevictable = "/proc/sys/vm/compact_unevictable_allowed";

struct Outcome {
    ExitCode code = ExitCode::Failure;
    bool restart = false;
};

Outcome fail(ExitCode code, const std::string& line) {
    spdlog::error("{}", line);
    return {code};
}

// Without waiting for a reader: one that has stopped must not stop us. A pipe that takes a
// line whole is ready; what is not ready misses the line.
void print_if_ready(std::string_view text) {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    if (text.empty() || ::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0)
        return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
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
    spdlog::warn("{}, taking all CPUs as equal", topology.error().message());
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
    settings.report_exits = policy.wants_exits();
    settings.nr_cpus = topology.nr_ids;
    settings.nr_online = topology.nr_online;
    settings.cpu_llc = topology.llc_by_id();
    settings.big_cpu = topology.big_by_id();
    return settings;
}

// One life of the scheduler, from the look at the machine to the exit report. Everything here
// belongs to the main thread; see SchedulerThread for what the other one has.
class Session {
  public:
    Session(const Options& options, const PolicyFactory& factory, const Program& program,
            int signals)
        : options_(options), factory_(factory), signals_(signals), arena_(program.memory_bytes) {}

    Outcome run();

  private:
    std::optional<Outcome> make_policy();
    std::optional<Outcome> load();
    std::optional<Outcome> prepare();
    std::optional<Outcome> attach();
    Status open_server();
    Status set_classes(const Request& request);
    Status set_first_classes();
    Status watch_events();
    void on_signal();
    void on_demotion();
    void on_attention();
    void warn_about_limits();
    Outcome finish();
    void end_with_stuck_thread(const ExitReport& report);
    void show(const ExitReport& report, const ExitInfo& info) const;
    [[nodiscard]] std::uint64_t overflows() const;
    Snapshot snapshot();
    std::string stats_answer();

    const Options& options_;
    const PolicyFactory& factory_;
    int signals_;
    SystemRoots roots_;
    Topology topology_;
    bool asked_ = false;
    Nanos attached_at_;
    std::uint64_t faults_at_attach_ = 0;
    std::uint64_t limits_seen_ = 0;

    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<BpfScheduler> scheduler_;
    PolicyMemory arena_;
    std::unique_ptr<Policy> policy_;
    std::span<const NamedCounter> policy_counters_;
    std::optional<PolicyWatch> watch_;
    std::optional<SysctlOverride> compaction_;
    std::optional<LockedMemory> memory_;
    std::unique_ptr<StatsServer> server_;
    std::optional<IntervalTimer> print_timer_;
    StatsTable table_;
    std::unique_ptr<SchedulerThread> thread_;
};

Outcome Session::run() {
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
        spdlog::error("{}", done.error().message());
    return finish();
}

std::optional<Outcome> Session::make_policy() {
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

std::optional<Outcome> Session::load() {
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
std::optional<Outcome> Session::prepare() {
    auto loop = EventLoop::create();
    if (!loop)
        return fail(ExitCode::Failure, loop.error().message());
    loop_ = *std::move(loop);
    if (const auto done = open_server(); !done) {
        if (options_.socket_given)
            return fail(ExitCode::Refused, done.error().message());
        spdlog::warn("no statistics for other programs: {}, ignoring", done.error().message());
    }
    auto compaction = SysctlOverride::set(kCompactUnevictable, "0");
    if (compaction)
        compaction_.emplace(*std::move(compaction));
    else
        spdlog::debug("{}, ignoring", compaction.error().message());
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

std::optional<Outcome> Session::attach() {
    Status done = watch_events();
    if (done)
        done = set_first_classes();
    if (done) {
        attached_at_ = monotonic_now();
        faults_at_attach_ = read_page_faults(thread_->tid()).value_or(0);
        done = scheduler_->attach();
    }
    if (!done) {
        thread_->request_stop();
        static_cast<void>(thread_->join_for(kJoinTime));
        const auto obstacle = explain_attach_failure(done.error(), take_libbpf_messages(), roots_);
        return fail(obstacle.code, obstacle.line);
    }
    spdlog::info("attached: policy {}, {} CPUs, {} cores, {} last-level caches, {} NUMA nodes",
                 policy_->name(), topology_.nr_online, topology_.nr_cores, topology_.nr_llcs,
                 topology_.nr_nodes);
    warn_about_limits();
    return std::nullopt;
}

// Those of the request and those of the command line.
Status Session::set_classes(const Request& request) {
    std::vector<ClassedProcess> processes;
    for (const Pid pid : request.background)
        processes.push_back({pid, TaskClass::Background});
    for (const Pid pid : request.foreground)
        processes.push_back({pid, TaskClass::Foreground});
    for (const Pid pid : options_.foreground_pids)
        processes.push_back({pid, TaskClass::Foreground});
    spdlog::debug("classes of {} processes", processes.size());
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
        print_if_ready(table_.next(values_of(snapshot())));
    });
}

void Session::on_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) != sizeof(info))
        return;
    spdlog::debug("signal {}", info.ssi_signo);
    asked_ = true;
    loop_->stop();
}

void Session::on_demotion() {
    loop_->forget(thread_->demoted_fd());
    spdlog::warn("the policy worked for {} ms without a pause: its thread goes on without "
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
        spdlog::warn("{}", warning);
}

// Of the memory that was offered to the policy; none where none was.
std::uint64_t Session::overflows() const {
    return arena_.size() > 0 ? arena_.overflows().get() : 0;
}

void Session::warn_about_limits() {
    const auto limited = cgroups_with_cpu_max();
    if (!limited.empty())
        spdlog::warn("the CPU limits (cpu.max) of {} cgroups, such as '{}', are not enforced while "
                     "a sched_ext scheduler runs",
                     limited.size(), limited.front());
}

Outcome Session::finish() {
    // The thread goes on deciding until the kernel's own scheduler has everything back.
    if (!scheduler_->exit_info().ended())
        scheduler_->detach();
    const ExitInfo info = scheduler_->exit_info();
    const ExitReport report = report_exit(info, asked_);
    thread_->request_stop();
    const bool joined = thread_->join_for(kJoinTime);
    show(report, info);
    if (!joined)
        end_with_stuck_thread(report);
    scheduler_->detach();
    return {report.code, report.restart};
}

// The thread still uses the policy and the tables, so nothing of that can be freed: leave without.
void Session::end_with_stuck_thread(const ExitReport& report) {
    const std::string where = thread_->loop_counters().fault.where();
    spdlog::error("the policy {} does not come back{}{}: ending the process around it",
                  policy_->name(), where.empty() ? "" : " from ", where);
    server_.reset();
    compaction_.reset();
    spdlog::default_logger()->flush();
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(report.code));
}

void Session::show(const ExitReport& report, const ExitInfo& info) const {
    if (report.error)
        spdlog::error("{}", report.line);
    else if (report.code == ExitCode::Stopped)
        spdlog::info("{}", report.line);
    else
        spdlog::warn("{}", report.line);
    if (report.error && !info.dump.empty())
        fmt::print(stderr, "{}\n", info.dump);
}

Snapshot Session::snapshot() {
    Snapshot now;
    now.uptime = attached_at_.value > 0 ? monotonic_now() - attached_at_ : Nanos{};
    // The parts before the whole: then a task between the two is never counted as decided before
    // it was queued.
    now.kernel = scheduler_->counters();
    now.lease_active = scheduler_->control().lease_since != 0;
    now.cpu_max_set = scheduler_->control().cpu_max_set;
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
    if (now.cpu_max_set > limits_seen_) {
        spdlog::warn("a cgroup was given a CPU limit (cpu.max): not enforced while a sched_ext "
                     "scheduler runs");
        limits_seen_ = now.cpu_max_set;
    }
    return now;
}

std::string Session::stats_answer() {
    nlohmann::json own = nlohmann::json::object();
    for (const NamedCounter& counter : policy_counters_)
        own[counter.name] = counter.value->get();
    const nlohmann::json answer{
        {"scheduler", "rustland"}, {"version", kVersion},
        {"pid", ::getpid()},       {"policy", policy_->name()},
        {"policy_counters", own},  {"stats", to_json(values_of(snapshot()))}};
    return answer.dump() + "\n";
}

// SIGINT and SIGTERM come through a descriptor; SIGHUP, of a terminal that closes, ends nothing.
Result<UniqueFd> take_signals() {
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t wanted{};
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGINT);
    ::sigaddset(&wanted, SIGTERM);
    if (::sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0)
        return Error::from_errno("blocking signals");
    UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd)
        return Error::from_errno("signalfd");
    return fd;
}

} // namespace

ExitCode run_scheduler(const Options& options, const PolicyFactory& factory,
                       const Program& program) {
    const auto signals = take_signals();
    if (!signals) {
        spdlog::error("{}", signals.error().message());
        return ExitCode::Failure;
    }
    set_libbpf_verbosity(options.verbose);
    RestartLimit limit(kMostRestarts, kRestartSpan);
    for (;;) {
        const Outcome outcome = Session(options, factory, program, signals->get()).run();
        if (!outcome.restart)
            return outcome.code;
        if (!limit.allow(monotonic_now())) {
            spdlog::error("{} restarts within {} s: giving up", kMostRestarts,
                          kRestartSpan.value / 1'000'000'000);
            return outcome.code;
        }
        spdlog::info("starting anew");
    }
}

} // namespace rustland
