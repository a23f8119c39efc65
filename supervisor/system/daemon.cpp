// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/daemon.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "supervisor/match/process_info.hpp"
#include "supervisor/system/exit_status.hpp"
#include "supervisor/system/request_fields.hpp"
#include "supervisor/system/scheduler_owner.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

void Daemon::shutdown(bool keep_scheduler) {
    shutting_down_ = true;
    const bool adoptable = core_->phase() == Phase::On || core_->phase() == Phase::Starting;
    keep_files();
    // One that no later daemon would find would stay on for ever.
    if (core_->phase() == Phase::Off || (keep_scheduler && adoptable && run_ && save_run())) {
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
        start_runner(start->spec, start->take_over);
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

// A link to a socket that is gone was left by a unit whose last step was not done (it was masked
// while it ran). The scheduler would take it for a file of somebody else.
void Daemon::start_runner(const SchedulerSpec& spec, bool take_over) {
    const std::string& path = options_.scheduler_socket;
    struct stat st = {};
    if (::lstat(path.c_str(), &st) == 0 && S_ISLNK(st.st_mode) && ::stat(path.c_str(), &st) != 0 &&
        errno == ENOENT)
        ::unlink(path.c_str());
    runner_->start(spec, take_over);
}

void Daemon::runner_event(const RunnerEvent& event) {
    if (const auto* launched = std::get_if<runner::Launched>(&event)) {
        // A daemon that is killed before it is attached leaves it to be found as well.
        run_ = launched->record;
        save_run();
        return;
    }
    if (const auto* attached = std::get_if<runner::Attached>(&event)) {
        const RunRecord& run = attached->record;
        run_ = run;
        scheduler_->disconnect(); // from the one before, where it was started anew
        record("attached", fmt::format("{} (process {}, ops {})", run.spec.command(),
                                       run.process.pid.value, run.ops));
        run_->attached_at = monotonic_now();
        send(event::Attached{run.spec, run_->attached_at, false, {}});
        save_run();
        tell_classes();
        return;
    }
    scheduler_->disconnect();
    run_.reset();
    state_file_.clear();
    if (const auto* failed = std::get_if<runner::StartFailed>(&event)) {
        // What was not even begun has not ended either; it is tried again by itself.
        const bool tried = failed->exit.kind != ExitKind::NotTried;
        const SchedulerSpec spec = core_->current().value_or(SchedulerSpec{});
        ExitInfo exit = failed->exit;
        if (!config_->names(spec))
            exit.reason = for_command(exit.reason.str());
        last_reason_ = exit.reason;
        if (tried)
            remember_exit(exit);
        record(tried ? "failed" : "waiting", exit.reason, exit.dump);
        kernel_changed();
        tell_of_failed_start(spec, exit.reason);
        send(event::StartFailed{spec, exit});
    } else if (const auto* exited = std::get_if<runner::Exited>(&event)) {
        record_exit(exited->exit);
        send(event::Exited{exited->exit});
    } else if (const auto* stopped = std::get_if<runner::Stopped>(&event)) {
        // It may have ended by itself before it was asked to.
        if (stopped->exit.kind == ExitKind::Requested)
            remember_exit(stopped->exit);
        else
            record_exit(stopped->exit);
        record("stopped", stopped->problem.empty() ? "detached" : stopped->problem);
        if (next_)
            start_runner(*std::exchange(next_, std::nullopt), false);
        else
            send(event::Stopped{});
    }
    kernel_changed();
}

Status Daemon::make_run_dir() const {
    if (::mkdir(options_.run_dir.c_str(), 0755) != 0 && errno != EEXIST)
        return Error::from_errno(options_.run_dir);
    return {};
}

void Daemon::keep_files() {
    Status status = make_run_dir();
    if (status && server_)
        status = server_->keep_path();
    const std::string problem = status ? "" : status.error().message();
    if (!status && problem != files_problem_)
        log::warn("{}; without that rustlandctl does not find this daemon: sudo systemctl restart "
                  "rustlandd",
                  problem);
    files_problem_ = problem;
    if (!status)
        return;
    if (run_ && !state_file_.exists())
        save_run();
    if (!core_->stop_order())
        return;
    if (const auto saved = stop_file_.load(); !saved || !*saved) {
        saved_stop_.reset();
        save_stop();
    }
}

bool Daemon::save_run() {
    run_->by_command = core_->commanded_on();
    run_->holds.clear();
    for (const auto& [id, owner] : hold_owners_)
        if (owner.process.start_time != 0)
            run_->holds.push_back({id, owner.spec, owner.reason, owner.uid, owner.process});
    const Status status = state_file_.save(*run_);
    if (status)
        return true;
    // What an earlier run left there would mislead a later daemon more than nothing.
    state_file_.clear();
    log::warn("{}; a later daemon will not find the scheduler, ignoring", status.error().message());
    return false;
}

void Daemon::save_stop() {
    const std::optional<StopOrder> stop = core_->stop_order();
    if (stop == saved_stop_) {
        stop_problem_ = {};
        return;
    }
    CleanLine problem;
    if (!stop)
        stop_file_.clear();
    else if (const Status status = stop_file_.save(*stop); !status)
        problem = status.error().message();
    // What could not be saved is tried again with the next change.
    if (problem.empty())
        saved_stop_ = stop;
    else if (problem != stop_problem_)
        log::warn("{}; a later daemon will not know that the scheduler was stopped, ignoring",
                  problem);
    stop_problem_ = problem;
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

void Daemon::record_exit(const ExitInfo& exit) {
    remember_exit(exit);
    record("exited", fmt::format("{}: {}", exit_kind_name(exit.kind), exit.reason), exit.dump);
}

void Daemon::detected(const std::vector<Event>& events) {
    if (events.empty())
        return changed(); // a process more or less in a workload
    kernel_changed();
    for (const Event& event : events) {
        if (const auto* began = std::get_if<event::WorkloadStarted>(&event))
            record_began(began->rule);
        else if (const auto* ended = std::get_if<event::WorkloadEnded>(&event))
            record("workload", ended->rule + " ended");
        send(event);
    }
}

void Daemon::kernel_changed() {
    runner_->kernel_changed();
    const KernelState kernel = kernel_.read();
    const bool foreign = kernel.attached() && !runner_->owns_kernel_scheduler();
    const WhoRuns& known = core_->foreign();
    if (!foreign && known.by == WhoRuns::By::Nobody)
        return;
    // Another one of the same name is another one.
    if (foreign && known.ops == *kernel.ops && foreign_seq_ == kernel.enable_seq)
        return;
    foreign_seq_ = kernel.enable_seq;
    event::ForeignScheduler event;
    if (foreign)
        event = {kernel.ops, owner_of(*kernel.ops)};
    const WhoRuns now = who_runs(event.ops, false, event.owner);
    // What an earlier daemon left is no news: that it is taken over is recorded a moment later.
    if ((foreign ? now : known).by != WhoRuns::By::LeftBehind)
        record("kernel", foreign ? CleanLine(fmt::format("attached: {}", now.text()))
                                 : "no scheduler of somebody else any more");
    send(event);
}

std::optional<SchedulerOwner> Daemon::owner_of(const CleanLine& ops) const {
    if (left_ && left_->ops == ops.str())
        return SchedulerOwner{left_->process.pid, std::string(file_name(left_->spec.path)),
                              left_->unit, true};
    return find_scheduler_owner(options_.detector.proc_root, ops.str());
}

WhoRuns Daemon::who_runs_now(const KernelState& kernel) const {
    if (!kernel.attached())
        return {};
    return who_runs(kernel.ops, runner_->owns_kernel_scheduler(), core_->foreign().owner);
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

json Daemon::answer_for(const Waiter& waiter) const {
    const bool on = core_->phase() == Phase::On;
    const std::string why = core_->why(monotonic_now());
    if (waiter.wants_on != on)
        return refused(!on && !last_reason_.empty() ? last_reason_ : why);
    if (on && waiter.wanted && waiter.wanted != core_->current())
        return refused(fmt::format("{} is on instead: {}", core_->current()->command(), why));
    return {{"ok", true}, {"status", status_for(waiter.peer)}};
}

// Before anything else is decided: what a game starts in its place is not what they asked for.
void Daemon::tell_of_failed_start(const SchedulerSpec& spec, const CleanLine& reason) {
    std::vector<Waiter> told;
    for (const Waiter& waiter : std::exchange(waiters_, {}))
        (waiter.wanted == spec ? told : waiters_).push_back(waiter);
    for (const Waiter& waiter : told)
        waiter.reply(refused(reason));
}

// Answers those who wait for what has just been reached.
void Daemon::settle() {
    save_stop();
    const Phase phase = core_->phase();
    if (phase == Phase::On || phase == Phase::Off) {
        const std::vector<Waiter> waiters = std::exchange(waiters_, {});
        for (const Waiter& waiter : waiters)
            waiter.reply(answer_for(waiter));
    }
    if (run_ && phase == Phase::On && run_->by_command != core_->commanded_on())
        save_run();
    changed();
    if (shutting_down_ && phase == Phase::Off)
        loop_.exit(0);
}

void Daemon::record(const std::string& kind, const CleanLine& text, const CleanBlock& dump) {
    record(HistoryEntry{wall_clock_ms(), kind, text, dump, {}, 0});
}

void Daemon::record_began(const std::string& rule) {
    HistoryEntry entry{wall_clock_ms(), "workload", rule + " began", {}, {}, 0};
    if (const Member* face = detector_->workloads().face(rule)) {
        entry.process = fmt::format("{} (process {})", face->name, face->key.pid.value);
        entry.user = face->user;
    }
    record(std::move(entry));
}

void Daemon::record(HistoryEntry entry) {
    const bool bad = entry.kind == "failed" || (entry.kind == "exited" && !entry.dump.empty());
    const CleanLine text = entry.process.empty()
                               ? entry.text
                               : CleanLine(fmt::format("{}: {}", entry.text, entry.process));
    if (options_.journal)
        journal_.write(bad ? 4 : 6, entry.kind, text, entry.dump);
    else if (bad)
        log::warn("{}: {}", entry.kind, text);
    else
        log::info("{}: {}", entry.kind, text);
    history_.add(entry);
    for (const auto& listener : events_)
        listener(entry);
    const std::map<ClientId, Monitor> monitors = monitors_;
    for (const auto& [id, monitor] : monitors) {
        json line = entry_for(monitor.peer, entry);
        line["ok"] = true;
        line.erase("dump");
        monitor.reply(line);
    }
}

} // namespace rustland::supervisor
