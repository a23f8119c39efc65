// SPDX-License-Identifier: GPL-2.0-only
// What the daemon shows of itself.
#include "rustland/common/clock.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/system/daemon.hpp"
#include "supervisor/system/runner_choice.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace rustland::supervisor {

using nlohmann::json;

// Why a workload of this rule does not turn the scheduler on now; null where it does, or where the
// scheduler is on for another reason.
json Daemon::why_waits(const std::string& rule, Nanos now) const {
    const Rule* const known = config_->find_rule(rule);
    if (core_->phase() != Phase::Off || known == nullptr)
        return nullptr;
    return core_->why_not_now(*known).value_or(core_->why(now));
}

// What runs under a hold is in the foreground as a game is.
void Daemon::list_holds(const Peer& peer, json& out) const {
    for (const auto& [id, owner] : hold_owners_) {
        const Pid pid = owner.process.pid;
        if (pid.value <= 0 || detector_->workloads().find(pid) != nullptr ||
            (owner.uid != peer.uid && !peer.may(Right::Manage)))
            continue;
        const auto info = detector_->proc().read(pid, {}, false);
        out.push_back({{"rule", fmt::format("hold {}", id)},
                       {"pid", pid.value},
                       {"comm", info ? CleanLine(info->comm) : owner.reason},
                       {"name", owner.reason}, // its process is rustlandctl, or a game's launcher
                       {"inherited", false},
                       {"by", "hold"},
                       {"class", "foreground"},
                       {"waits", nullptr}});
    }
}

json Daemon::list(const Peer& peer) const {
    json out = json::array();
    const Nanos asked = monotonic_now(); // one wait is told in one way
    for (const Member& member : detector_->workloads().members()) {
        if (member.user != peer.uid && !peer.may(Right::Manage))
            continue;
        const Rule* rule = config_->find_rule(member.rule);
        out.push_back({{"rule", member.rule},
                       {"pid", member.key.pid.value},
                       {"comm", member.comm},
                       {"name", member.name},
                       {"inherited", member.inherited},
                       {"class", rule != nullptr ? class_name(rule->workload_class) : "normal"},
                       {"waits", why_waits(member.rule, asked)}});
    }
    list_holds(peer, out);
    const std::vector<Pid>& told = scheduler_->confirmed().companions;
    for (const Companion& companion : detector_->companions().all()) {
        if (companion.user != peer.uid && !peer.may(Right::Manage))
            continue;
        const bool now = std::find(told.begin(), told.end(), companion.key.pid) != told.end();
        out.push_back({{"rule", "companion " + companion.name},
                       {"pid", companion.key.pid.value},
                       {"comm", companion.comm},
                       {"inherited", false},
                       {"class", now ? "foreground" : "normal"},
                       {"waits", nullptr}});
    }
    return out;
}

json Daemon::companions() const {
    std::map<std::string, int> processes;
    for (const Companion& companion : detector_->companions().all())
        ++processes[companion.name];
    json out = json::array();
    for (const auto& [name, count] : processes)
        out.push_back({{"companion", name}, {"processes", count}});
    return out;
}

json Daemon::entry_for(const Peer& peer, const HistoryEntry& entry) {
    const bool all = peer.may(Right::Manage);
    json line = {{"time_ms", entry.time_ms}, {"event", entry.kind}, {"text", entry.text}};
    if (!entry.process.empty() && (all || peer.uid == entry.user))
        line["text"] = CleanLine(fmt::format("{}: {}", entry.text, entry.process));
    if (all && !entry.dump.empty())
        line["dump"] = entry.dump;
    return line;
}

json Daemon::history(const Peer& peer) const {
    json out = json::array();
    for (const HistoryEntry& entry : history_.entries())
        out.push_back(entry_for(peer, entry));
    return out;
}

json Daemon::workloads(Nanos now) const {
    json out = json::array();
    const Workloads& all = detector_->workloads();
    for (const auto& [name, processes] : all.active()) {
        const Rule* rule = config_->find_rule(name);
        const Member* face = all.face(name);
        out.push_back(
            {{"rule", name},
             {"processes", processes},
             {"waits", why_waits(name, now)},
             {"class", class_name(rule != nullptr ? rule->workload_class : WorkloadClass::Normal)},
             {"name", face != nullptr ? json(face->name) : json()},
             {"pid", face != nullptr ? json(face->key.pid.value) : json()},
             {"uid", face != nullptr ? json(face->user) : json()}});
    }
    return out;
}

json Daemon::own_pids(const std::vector<Pid>& pids, const Peer& peer) const {
    json out = json::array();
    for (const Pid pid : pids) {
        const Member* member = detector_->workloads().find(pid);
        const bool held =
            std::any_of(hold_owners_.begin(), hold_owners_.end(), [&](const auto& hold) {
                return hold.second.process.pid == pid && hold.second.uid == peer.uid;
            });
        const Companion* companion = detector_->companions().find(pid);
        if (held || (member != nullptr && member->user == peer.uid) ||
            (companion != nullptr && companion->user == peer.uid))
            out.push_back(pid.value);
    }
    return out;
}

json Daemon::status_for(const Peer& peer) const {
    json out = status();
    if (peer.may(Right::Manage))
        return out;
    out["classes"]["foreground"] = own_pids(scheduler_->confirmed().foreground, peer);
    out["classes"]["background"] = own_pids(scheduler_->confirmed().background, peer);
    out["classes"]["companions"] = own_pids(scheduler_->confirmed().companions, peer);
    if (out["last_exit"].is_object())
        out["last_exit"].erase("dump");
    for (json& workload : out["workloads"])
        if (workload["uid"] != peer.uid)
            workload["name"] = workload["pid"] = workload["uid"] = json();
    return out;
}

json Daemon::quarantine() const {
    json out = json::array();
    for (const auto& entry : core_->failures().quarantine()) {
        const std::int64_t ago = (monotonic_now() - entry.last).value / 1'000'000;
        out.push_back({{"scheduler", entry.command},
                       {"reason", entry.reason},
                       {"since_ms", wall_clock_ms() - ago}});
    }
    return out;
}

// Why the scheduler that a game would turn on could not be; empty where nothing is known.
std::string Daemon::scheduler_problem() const {
    if (core_->phase() != Phase::Off)
        return "";
    const Status there = system_program(config_->settings.scheduler.path);
    return there ? "" : there.error().message();
}

// Where schedulers are not run as the configuration says.
std::string Daemon::runner_note() const {
    const RunnerKind wanted = config_->settings.runner;
    const std::string_view is = runner_->backend();
    if (wanted == RunnerKind::Child && is == "systemd")
        return fmt::format("runner = child is not in force: {}, and counts from the next start of "
                           "rustlandd on; set runner = auto",
                           kChildRunnerNeeds);
    if (wanted == RunnerKind::Systemd && is == "child")
        return "runner = systemd is in force once rustlandd is started anew; sudo systemctl "
               "restart rustlandd";
    return "";
}

json Daemon::status() const {
    const std::string held = runner_->what_holds_a_start();
    const Nanos now = monotonic_now();
    const KernelState kernel = kernel_.read();
    json holds = json::array();
    for (const auto& hold : core_->holds())
        holds.push_back({{"cookie", hold.id}, {"reason", hold.reason}});
    const TaskClasses& told = scheduler_->confirmed();
    json stopped;
    if (const auto order = core_->stop_order())
        stopped = {{"uid", order->uid}, {"since_ms", order->since_ms}, {"problem", stop_problem_}};
    const DetectorStatistics& counts = detector_->statistics();
    const auto& current = core_->current();
    const auto since = core_->on_since();
    const WhoRuns& foreign = core_->foreign();
    const WhoRuns runs = who_runs_now(kernel);
    json out = {{"version", kVersion},
                {"state", phase_name(core_->phase())},
                {"why", core_->why(now)},
                {"scheduler", current ? json(current->path) : json()},
                {"arguments", current ? json(current->args) : json::array()},
                {"uptime_ms", since ? json((monotonic_now() - *since).value / 1'000'000) : json()},
                {"runner", runner_->backend()},
                {"runner_note", runner_note()},
                {"could_not_start", held.empty() ? core_->could_not_try() : CleanLine(held)},
                {"kernel",
                 {{"supported", kernel.supported},
                  {"state", kernel.state},
                  {"ops", kernel.ops ? json(*kernel.ops) : json()},
                  {"enable_seq", kernel.enable_seq}}},
                {"foreign", foreign.by != WhoRuns::By::Nobody ? json(foreign.ops) : json()},
                {"runs",
                 {{"by", runner_name(runs.by)},
                  {"pid", runs.owner ? json(runs.owner->pid.value) : json()},
                  {"unit", runs.owner ? runs.owner->unit.str() : ""},
                  {"text", runs.text()},
                  {"advice", runs.advice()}}},
                {"workloads", workloads(now)},
                {"companions", companions()},
                {"holds", holds},
                {"stopped", stopped},
                {"stopped_from_outside", core_->stopped_from_outside()},
                {"quarantined", quarantine()},
                {"last_exit", last_exit_},
                {"power",
                 {{"on_battery", power_.on_battery ? json(*power_.on_battery) : json()},
                  {"profile", power_.profile}}},
                {"configuration_notes", config_notes_},
                {"scheduler_problem", scheduler_problem()},
                {"classes",
                 {{"foreground", numbers(told.foreground)},
                  {"background", numbers(told.background)},
                  {"companions", numbers(told.companions)},
                  {"problem", scheduler_->problem()}}},
                {"detection",
                 {{"source", detector_->source()},
                  {"events", counts.events},
                  {"overruns", counts.overruns},
                  {"scans", counts.scans},
                  {"judged", counts.judged},
                  {"postponed", counts.postponed}}},
                {"bus", {{"problem", bus_problem_}}},
                {"configuration", config_->files},
                {"refused_configuration", refused_config_}};
    return out;
}

json Daemon::lasting_status() const {
    json out = status();
    out["why"] = core_->lasting_why();
    for (json& workload : out["workloads"])
        workload.erase("waits");
    return out;
}

void Daemon::bus_problem(const CleanLine& problem) {
    if (problem == bus_problem_)
        return;
    bus_problem_ = problem;
    record("bus", problem.empty() ? CleanLine("served on the message bus") : problem);
    changed();
}

CleanLine Daemon::status_line() const {
    const auto& current = core_->current();
    return fmt::format("{}{}{}: {}", phase_name(core_->phase()), current ? " " : "",
                       current ? current->command() : "", core_->lasting_why());
}

} // namespace rustland::supervisor
