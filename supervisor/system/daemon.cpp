// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/daemon.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/system/exit_status.hpp"
#include "supervisor/system/instance_lock.hpp"
#include "supervisor/system/journal.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// Each hold is two lines of the log, some signals on the bus and a file. A game takes one.
constexpr ClientLimits kHoldRate{.requests_per_second = 0.5, .burst = 20};

std::int64_t wall_clock_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace

Daemon::Daemon(Loop& loop, DaemonOptions options)
    : loop_(loop), options_(std::move(options)), kernel_(options_.sysfs_root + "/kernel/sched_ext"),
      power_reader_(options_.sysfs_root), state_file_(options_.run_dir + "/state.json"),
      hold_rate_(kHoldRate) {}

Result<std::unique_ptr<Daemon>> Daemon::create(Loop& loop, DaemonOptions options) {
    std::unique_ptr<Daemon> self(new Daemon(loop, std::move(options)));
    if (const Status status = self->init(); !status)
        return status.error();
    return self;
}

Status Daemon::init() {
    auto config = read_config();
    if (!config)
        return config.error();
    config_ = *config;
    if (options_.clients.privileged == 0)
        options_.clients.privileged = ::geteuid();
    if (::mkdir(options_.run_dir.c_str(), 0755) != 0 && errno != EEXIST)
        return Error::from_errno(options_.run_dir);
    // First of all: a second daemon must not touch anything.
    auto lock = lock_instance(options_.run_dir + "/rustlandd.lock");
    if (!lock)
        return lock.error();
    lock_ = *std::move(lock);
    auto server = ControlServer::listen(
        loop_, options_.run_dir + "/control.sock",
        {[this](const Peer& peer, const json& body) {
             request(peer, body,
                     [this, id = peer.id](const json& answer) { server_->send(id, answer); });
         },
         [this](ClientId id) { client_left(id); }, [this](ClientId id) { return client_busy(id); }},
        options_.clients);
    if (!server)
        return server.error();
    server_ = *std::move(server);

    core_ = std::make_unique<DecisionCore>(
        config_, [this] { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); });
    auto timer = loop_.timer([this] { send(event::Tick{}); });
    auto scheduler = SchedulerClient::create(loop_, options_.scheduler_socket);
    auto runner = options_.make_runner(loop_, config_->settings.runner);
    if (!timer || !scheduler || !runner)
        return !timer ? timer.error() : !scheduler ? scheduler.error() : runner.error();
    timer_ = *std::move(timer);
    scheduler_ = *std::move(scheduler);
    runner_ = *std::move(runner);
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    runner_->on_event([this](const RunnerEvent& event) { runner_event(event); });

    options_.detector.event_buffer = config_->settings.event_buffer;
    options_.detector.scan_interval = config_->settings.scan_interval;
    // Where uevents do not reach us, the scan is what notices a foreign scheduler that went.
    options_.detector.on_scan = [this, also = options_.detector.on_scan] {
        kernel_changed();
        if (also)
            also();
    };
    auto detector = Detector::create(loop_, options_.detector,
                                     [this](const std::vector<Event>& events, bool members) {
                                         detected(events);
                                         if (members)
                                             tell_classes();
                                     });
    if (!detector)
        return detector.error();
    detector_ = *std::move(detector);
    if (options_.uevents)
        if (const Status status = open_uevents(); !status)
            log::warn("{}; changes in the kernel are noticed by the scheduler's exit alone",
                      status.error().message());

    const KernelState kernel = kernel_.read();
    if (!kernel.supported)
        log::warn("this kernel has no sched_ext ({} is missing): nothing will be started",
                  kernel_.root());
    core_->learn(event::KernelSupport{kernel.supported}, monotonic_now());
    power_ = power_reader_.read();
    core_->learn(event::PowerChanged{power_}, monotonic_now());
    record("daemon", "started");
    // A start that is under way is adopted first, lest the workloads start another beside it; what
    // is on, after them: what was left running for a game that still runs is not stopped.
    const std::optional<RunRecord> left = left_behind();
    const bool under_way = left && left->ops.empty();
    if (under_way)
        adopt(*left);
    use_rules();
    if (left && !under_way)
        adopt(*left);
    kernel_changed();
    send(event::Tick{});
    return {};
}

Result<std::shared_ptr<const Config>> Daemon::read_config() const {
    const std::vector<std::string> files = options_.config_file
                                               ? std::vector{*options_.config_file}
                                               : find_config_files(options_.config_paths);
    BuiltConfig built = load_config(files, options_.users);
    if (built.problems.empty())
        return std::make_shared<const Config>(std::move(built.config));
    std::string all;
    for (const Problem& problem : built.problems)
        all += (all.empty() ? "" : "\n") + problem.message();
    return Error(all);
}

Status Daemon::open_uevents() {
    auto opened = UeventSocket::open();
    if (!opened)
        return opened.error();
    uevents_ = std::make_unique<UeventSocket>(*std::move(opened));
    auto source = loop_.io(uevents_->fd(), EPOLLIN, [this](std::uint32_t) {
        const UeventSocket::Seen seen = uevents_->drain();
        if (seen.sched_ext)
            kernel_changed();
        if (seen.power)
            power_changed();
    });
    if (!source)
        return source.error();
    uevents_source_ = *std::move(source);
    return {};
}

std::optional<RunRecord> Daemon::left_behind() const {
    const auto left = state_file_.load();
    if (left)
        return *left;
    log::warn("{}; ignoring it", left.error().message());
    state_file_.clear();
    return std::nullopt;
}

void Daemon::adopt(const RunRecord& left) {
    const Adopted adopted = core_->phase() == Phase::Off ? runner_->adopt(left) : Adopted::No;
    if (adopted == Adopted::No) {
        record("adopt", left.spec.command() + " is gone");
        state_file_.clear();
        return;
    }
    const bool starting = adopted == Adopted::Starting;
    record("adopt", starting ? fmt::format("took over the start of {}", left.spec.command())
                             : fmt::format("took over {} (process {})", left.spec.command(),
                                           left.process.pid.value));
    run_ = left;
    send(event::Attached{left.spec, {}, left.by_command, take_back_holds(), starting});
    tell_classes();
}

Status Daemon::reload() {
    auto config = read_config();
    if (!config) {
        std::string why = config.error().message();
        std::replace(why.begin(), why.end(), '\n', ';');
        record("config", "not reloaded, the old configuration stays: " + why);
        return config.error();
    }
    config_ = *config;
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    record("config", "reloaded");
    send(event::ConfigReplaced{config_});
    use_rules();
    return {};
}

void Daemon::use_rules() {
    detector_->use(std::make_shared<Matcher>(config_->rules), config_->settings.scan_interval,
                   std::make_shared<Matcher>(config_->used_companions()));
}

void Daemon::shutdown(bool keep_scheduler) {
    shutting_down_ = true;
    const bool adoptable = core_->phase() == Phase::On || core_->phase() == Phase::Starting;
    if (core_->phase() == Phase::Off || (keep_scheduler && adoptable && run_)) {
        loop_.exit(0);
        return;
    }
    send(event::StopRequested{});
}

void Daemon::sleep(bool asleep) {
    record("sleep", asleep ? "the machine is about to sleep" : "the machine has woken up");
    send(event::SleepChanged{asleep});
    if (!asleep)
        detector_->scan();
}

// --- deciding and doing ------------------------------------------------------------------------

void Daemon::send(const Event& event) {
    apply(core_->on(event, monotonic_now()));
    if (const auto wake = core_->next_wakeup())
        timer_.arm(*wake);
    else
        timer_.disarm();
    settle();
}

void Daemon::apply(const Decision& decision) {
    if (const auto* start = std::get_if<Start>(&decision)) {
        record("start", fmt::format("{} ({})", start->spec.command(), start->reason));
        next_.reset();
        runner_->start(start->spec, start->take_over);
    } else if (const auto* change = std::get_if<Switch>(&decision)) {
        record("switch", fmt::format("to {} ({})", change->spec.command(), change->reason));
        next_ = change->spec;
        scheduler_->disconnect();
        runner_->stop();
    } else if (const auto* stop = std::get_if<Stop>(&decision)) {
        record("stop", stop->reason);
        next_.reset();
        scheduler_->disconnect();
        runner_->stop();
    }
}

void Daemon::runner_event(const RunnerEvent& event) {
    if (const auto* launched = std::get_if<runner::Launched>(&event)) {
        // A daemon that is killed before it is attached leaves it to be found as well.
        run_ = launched->record;
        return save_run();
    }
    if (const auto* attached = std::get_if<runner::Attached>(&event)) {
        const RunRecord& run = attached->record;
        run_ = run;
        scheduler_->disconnect(); // from the one before, where it was started anew
        record("attached", fmt::format("{} (process {}, ops {})", run.spec.command(),
                                       run.process.pid.value, run.ops));
        send(event::Attached{run.spec, {}, false, {}});
        save_run();
        tell_classes();
        return;
    }
    scheduler_->disconnect();
    run_.reset();
    state_file_.clear();
    if (const auto* failed = std::get_if<runner::StartFailed>(&event)) {
        remember_exit(failed->exit);
        record("failed", failed->exit.reason, failed->exit.dump);
        kernel_changed();
        send(event::StartFailed{core_->current().value_or(SchedulerSpec{}), failed->exit});
    } else if (const auto* exited = std::get_if<runner::Exited>(&event)) {
        remember_exit(exited->exit);
        record("exited",
               fmt::format("{}: {}", exit_kind_name(exited->exit.kind), exited->exit.reason),
               exited->exit.dump);
        send(event::Exited{exited->exit});
    } else if (const auto* stopped = std::get_if<runner::Stopped>(&event)) {
        remember_exit(stopped->exit);
        record("stopped", stopped->problem.empty() ? "detached" : stopped->problem);
        if (next_)
            runner_->start(*std::exchange(next_, std::nullopt), false);
        else
            send(event::Stopped{});
    }
    kernel_changed();
}

void Daemon::save_run() {
    run_->by_command = core_->commanded_on();
    run_->holds.clear();
    for (const auto& [id, owner] : hold_owners_)
        if (owner.process.start_time != 0)
            run_->holds.push_back({id, owner.spec, owner.reason, owner.uid, owner.process});
    const Status status = state_file_.save(*run_);
    if (status)
        return;
    // What an earlier run left there would mislead a later daemon more than nothing.
    state_file_.clear();
    log::warn("{}; a later daemon will not find the scheduler, ignoring", status.error().message());
}

void Daemon::remember_exit(const ExitInfo& exit) {
    last_reason_ = exit.reason;
    last_exit_ = {{"kind", exit_kind_name(exit.kind)},
                  {"exit_code", exit.exit_code},
                  {"signal", exit.signal},
                  {"reason", exit.reason},
                  {"dump", exit.dump},
                  {"time_ms", wall_clock_ms()}};
}

void Daemon::detected(const std::vector<Event>& events) {
    if (events.empty())
        return changed(); // a process more or less in a workload
    kernel_changed();
    for (const Event& event : events) {
        if (const auto* began = std::get_if<event::WorkloadStarted>(&event))
            record("workload", began->rule + " began");
        else if (const auto* ended = std::get_if<event::WorkloadEnded>(&event))
            record("workload", ended->rule + " ended");
        send(event);
    }
}

void Daemon::kernel_changed() {
    runner_->kernel_changed();
    const KernelState kernel = kernel_.read();
    std::optional<CleanLine> foreign;
    if (kernel.attached() && !runner_->owns_kernel_scheduler())
        foreign = kernel.ops;
    if (foreign == core_->foreign())
        return;
    record("kernel", foreign
                         ? fmt::format("the scheduler {}, which is not ours, is attached", *foreign)
                         : "no foreign scheduler any more");
    send(event::ForeignScheduler{foreign});
}

void Daemon::power_changed() {
    const PowerState now = power_reader_.read();
    if (now == power_)
        return;
    power_ = now;
    record("power", fmt::format("{}{}{}", now.on_battery.value_or(false) ? "battery" : "mains",
                                now.profile.empty() ? "" : ", ", now.profile));
    send(event::PowerChanged{now});
}

void Daemon::tell_classes() {
    if (core_->phase() != Phase::On || !core_->current() ||
        !has_control_socket(core_->current()->path))
        return;
    std::vector<HeldProcess> held;
    for (const auto& [id, owner] : hold_owners_)
        if (owner.process.pid.value > 0)
            held.push_back({owner.process, owner.uid});
    ClassList list = class_list(members_in_focus(), *config_, held, detector_->companions().all());
    if (list.cut != cut_users_ && !list.cut.empty())
        log::warn(
            "{} users have more processes in workloads than are told to the scheduler, user {} "
            "among them: their youngest stay ordinary",
            list.cut.size(), list.cut.front());
    cut_users_ = std::move(list.cut);
    scheduler_->trust(run_ ? run_->process.pid : Pid{});
    scheduler_->classes(std::move(list.classes));
}

// Answers those who wait for what has just been reached.
void Daemon::settle() {
    const Phase phase = core_->phase();
    if (phase == Phase::On || phase == Phase::Off) {
        const std::vector<Waiter> waiters = std::exchange(waiters_, {});
        for (const Waiter& waiter : waiters) {
            const bool good = waiter.wants_on == (phase == Phase::On);
            if (good)
                waiter.reply({{"ok", true}, {"status", status_for(waiter.peer)}});
            else
                waiter.reply(
                    {{"ok", false},
                     {"error",
                      phase == Phase::Off && !last_reason_.empty() ? last_reason_ : core_->why()}});
        }
    }
    if (run_ && phase == Phase::On && run_->by_command != core_->commanded_on())
        save_run();
    changed();
    if (shutting_down_ && phase == Phase::Off)
        loop_.exit(0);
}

void Daemon::record(const std::string& kind, const CleanLine& text, const CleanBlock& dump) {
    const bool bad = kind == "failed" || (kind == "exited" && !dump.empty());
    if (options_.journal)
        journal_event(bad ? 4 : 6, kind, text, dump);
    else if (bad)
        log::warn("{}: {}", kind, text);
    else
        log::info("{}: {}", kind, text);
    const HistoryEntry entry{wall_clock_ms(), kind, text, dump};
    history_.add(entry);
    for (const auto& listener : events_)
        listener(entry);
    const json line = {{"ok", true}, {"time_ms", entry.time_ms}, {"event", kind}, {"text", text}};
    const std::map<ClientId, Reply> monitors = monitors_;
    for (const auto& [id, reply] : monitors)
        reply(line);
}

} // namespace rustland::supervisor
