// SPDX-License-Identifier: GPL-2.0-only
// How the daemon comes up, and finds what an earlier one left.
#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/system/daemon.hpp"
#include "supervisor/system/instance_lock.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utility>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// Each hold is two lines of the log, some signals on the bus and a file. A game takes one.
constexpr ClientLimits kHoldRate{.requests_per_second = 0.5, .burst = 20};

} // namespace

Daemon::Daemon(Loop& loop, DaemonOptions options)
    : loop_(loop), options_(std::move(options)), kernel_(options_.sysfs_root + "/kernel/sched_ext"),
      power_reader_(options_.sysfs_root), state_file_(options_.run_dir + "/state.json"),
      stop_file_(options_.run_dir + "/stopped.json"),
      user_names_(loop, options_.users, options_.user_patience), hold_rate_(kHoldRate) {}

Result<std::unique_ptr<Daemon>> Daemon::create(Loop& loop, DaemonOptions options) {
    std::unique_ptr<Daemon> self(new Daemon(loop, std::move(options)));
    if (const Status status = self->init(); !status)
        return status.error();
    return self;
}

Status Daemon::init() {
    const ConfigText text = read_config();
    auto config = make_config(text, user_names_.find_now(text.users));
    if (!config)
        return config.error();
    config_ = config->config;
    config_notes_ = config->notes;
    for (const std::string& note : config_notes_)
        log::info("{}", note);
    if (options_.clients.privileged == 0)
        options_.clients.privileged = ::geteuid();
    if (const Status status = make_run_dir(); !status)
        return status;
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
    auto waiters_timer = loop_.timer([this] { answer_the_patient(); });
    auto scheduler = SchedulerClient::create(loop_, options_.scheduler_socket);
    auto runner = options_.make_runner(loop_, config_->settings.runner);
    if (!timer || !waiters_timer)
        return !timer ? timer.error() : waiters_timer.error();
    if (!scheduler || !runner)
        return !scheduler ? scheduler.error() : runner.error();
    timer_ = *std::move(timer);
    waiters_timer_ = *std::move(waiters_timer);
    scheduler_ = *std::move(scheduler);
    runner_ = *std::move(runner);
    runner_->configure(config_->settings.start_timeout, config_->settings.stop_timeout);
    runner_->on_event([this](const RunnerEvent& event) { runner_event(event); });

    options_.detector.event_buffer = config_->settings.event_buffer;
    options_.detector.scan_interval = config_->settings.scan_interval;
    // Where uevents do not reach us, the scan is what notices a foreign scheduler that went.
    options_.detector.on_scan = [this, also = options_.detector.on_scan] {
        kernel_changed();
        keep_files();
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
    take_back_stop();
    // A start that is under way is adopted first, lest the workloads start another beside it; what
    // is on, after them: what was left running for a game that still runs is not stopped.
    const std::optional<RunRecord> left = left_behind();
    const bool under_way = left && left->ops.empty();
    if (under_way)
        adopt(*left);
    else
        left_ = left;
    use_rules();
    if (const auto on = std::exchange(left_, std::nullopt))
        adopt(*on);
    kernel_changed();
    send(event::Tick{});
    return {};
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

// Before anything else is decided: what was stopped by command must not come back by a new daemon.
void Daemon::take_back_stop() {
    const auto stop = stop_file_.load();
    if (!stop) {
        log::warn("{}; ignoring it", stop.error().message());
        return stop_file_.clear();
    }
    saved_stop_ = *stop;
    if (!saved_stop_)
        return;
    core_->learn(event::StopRequested{saved_stop_}, monotonic_now());
    record("command", "stopped before this daemon was started, until rustlandctl resume or start");
}

void Daemon::adopt(const RunRecord& left) {
    const Adopted adopted = core_->phase() == Phase::Off ? runner_->adopt(left) : Adopted::No;
    if (adopted == Adopted::No) {
        record("adopt", left.spec.command() + " is gone");
        state_file_.clear();
        foreign_seq_ = 0; // what is attached is somebody else's after all: it is looked at anew
        return;
    }
    const bool starting = adopted == Adopted::Starting;
    record("adopt", starting ? fmt::format("took over the start of {}", left.spec.command())
                             : fmt::format("took over {} (process {})", left.spec.command(),
                                           left.process.pid.value));
    run_ = left;
    // An earlier daemon's word for it; a time to come is none.
    const Nanos since = left.attached_at <= monotonic_now() ? left.attached_at : Nanos{};
    send(event::Attached{left.spec, since, left.by_command, take_back_holds(), starting});
    tell_classes();
}

} // namespace rustland::supervisor
