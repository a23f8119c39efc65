// SPDX-License-Identifier: GPL-2.0-only
// What the daemon shows of itself.
#include "rustland/common/clock.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/system/daemon.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

const char* class_name(WorkloadClass workload_class) {
    switch (workload_class) {
    case WorkloadClass::Foreground:
        return "foreground";
    case WorkloadClass::Background:
        return "background";
    case WorkloadClass::Normal:
        break;
    }
    return "normal";
}

} // namespace

json Daemon::list() const {
    json out = json::array();
    for (const Member& member : detector_->workloads().members()) {
        const Rule* rule = config_->find_rule(member.rule);
        out.push_back({{"rule", member.rule},
                       {"pid", member.key.pid.value},
                       {"comm", member.comm},
                       {"inherited", member.inherited},
                       {"class", rule != nullptr ? class_name(rule->workload_class) : "normal"}});
    }
    return out;
}

json Daemon::history() const {
    json out = json::array();
    for (const HistoryEntry& entry : history_.entries()) {
        json line = {{"time_ms", entry.time_ms}, {"event", entry.kind}, {"text", entry.text}};
        if (!entry.dump.empty())
            line["dump"] = entry.dump;
        out.push_back(std::move(line));
    }
    return out;
}

json Daemon::status() const {
    const KernelState kernel = kernel_.read();
    json workloads = json::array();
    for (const auto& [rule, processes] : detector_->workloads().active())
        workloads.push_back({{"rule", rule}, {"processes", processes}});
    json holds = json::array();
    for (const auto& hold : core_->holds())
        holds.push_back({{"cookie", hold.id}, {"reason", hold.reason}});
    json quarantine = json::array();
    for (const auto& entry : core_->failures().quarantine())
        quarantine.push_back({{"scheduler", entry.command}, {"reason", entry.reason}});
    json foreground = json::array();
    for (const Pid pid : scheduler_->confirmed().foreground)
        foreground.push_back(pid.value);
    json background = json::array();
    for (const Pid pid : scheduler_->confirmed().background)
        background.push_back(pid.value);
    const DetectorStatistics& counts = detector_->statistics();
    const auto& current = core_->current();
    const auto since = core_->on_since();
    json out = {{"version", kVersion},
                {"state", phase_name(core_->phase())},
                {"why", core_->why()},
                {"scheduler", current ? json(current->path) : json()},
                {"arguments", current ? json(current->args) : json::array()},
                {"uptime_ms", since ? json((monotonic_now() - *since).value / 1'000'000) : json()},
                {"runner", runner_->backend()},
                {"kernel",
                 {{"supported", kernel.supported},
                  {"state", kernel.state},
                  {"ops", kernel.ops ? json(*kernel.ops) : json()},
                  {"enable_seq", kernel.enable_seq}}},
                {"foreign", core_->foreign() ? json(*core_->foreign()) : json()},
                {"workloads", workloads},
                {"holds", holds},
                {"quarantined", quarantine},
                {"last_exit", last_exit_},
                {"power",
                 {{"on_battery", power_.on_battery ? json(*power_.on_battery) : json()},
                  {"profile", power_.profile}}},
                {"classes",
                 {{"foreground", foreground},
                  {"background", background},
                  {"problem", scheduler_->problem()}}},
                {"detection",
                 {{"source", detector_->source()},
                  {"events", counts.events},
                  {"overruns", counts.overruns},
                  {"scans", counts.scans},
                  {"judged", counts.judged},
                  {"postponed", counts.postponed}}},
                {"configuration", config_->files}};
    return out;
}

std::string Daemon::status_line() const {
    const auto& current = core_->current();
    return fmt::format("{}{}{}: {}", phase_name(core_->phase()), current ? " " : "",
                       current ? current->command() : "", core_->why());
}

} // namespace rustland::supervisor
