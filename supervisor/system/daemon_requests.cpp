// SPDX-License-Identifier: GPL-2.0-only
// What the daemon answers, on the socket and on the bus alike.
#include "rustland/common/clock.hpp"
#include "rustland/common/version.hpp"
#include "supervisor/system/daemon.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

json refused(const std::string& why) { return {{"ok", false}, {"error", why}}; }

bool may_change(const Peer& peer) { return peer.uid == 0 || peer.uid == ::geteuid(); }

std::string text_of(const json& body, const char* key) {
    const auto it = body.find(key);
    return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// "scheduler" and "arguments" of a request; nothing where neither is given.
Result<std::optional<SchedulerSpec>> spec_of(const json& body, const SchedulerSpec& standard) {
    const bool path = body.contains("scheduler");
    const bool args = body.contains("arguments");
    if (!path && !args)
        return std::optional<SchedulerSpec>();
    SchedulerSpec spec = standard;
    if (path) {
        const std::string name = text_of(body, "scheduler");
        if (!name.starts_with('/'))
            return Error("\"scheduler\" must be an absolute path");
        if (name != spec.path)
            spec = {name, {}};
    }
    if (args) {
        if (!body["arguments"].is_array())
            return Error("\"arguments\" must be a list of texts");
        spec.args.clear();
        for (const json& argument : body["arguments"]) {
            if (!argument.is_string() ||
                argument.get_ref<const std::string&>().find('\0') != std::string::npos)
                return Error("\"arguments\" must be a list of texts");
            spec.args.push_back(argument.get<std::string>());
        }
    }
    return std::optional(spec);
}

std::optional<std::int32_t> pid_of(const json& body) {
    const auto it = body.find("pid");
    if (it == body.end() || !it->is_number_integer())
        return std::nullopt;
    const auto number = it->get<std::int64_t>();
    return number > 0 && number <= 0x7fffffff ? std::optional(static_cast<std::int32_t>(number))
                                              : std::nullopt;
}

json explanation_json(const ProcessInfo& process, const Explanation& explanation,
                      const Member* member) {
    json rules = json::array();
    for (const RuleVerdict& rule : explanation.rules) {
        json keys = json::array();
        for (const KeyVerdict& key : rule.keys)
            keys.push_back({{"key", key.key},
                            {"matched", key.matched},
                            {"wanted", key.wanted},
                            {"actual", key.actual}});
        rules.push_back({{"rule", rule.rule},
                         {"file", rule.file},
                         {"line", rule.line},
                         {"enabled", rule.enabled},
                         {"deny", rule.deny},
                         {"priority", rule.priority},
                         {"matched", rule.matched},
                         {"keys", keys}});
    }
    json out = {{"pid", process.key.pid.value}, {"comm", process.comm},
                {"cmdline", process.cmdline()}, {"denied", explanation.denied},
                {"decided_by", nullptr},        {"member_of", nullptr},
                {"inherited", false},           {"rules", rules}};
    if (explanation.decided_by)
        out["decided_by"] = *explanation.decided_by;
    if (member != nullptr) {
        out["member_of"] = member->rule;
        out["inherited"] = member->inherited;
    }
    return out;
}

} // namespace

void Daemon::request(const Peer& peer, const json& body, const Reply& reply) {
    struct Entry {
        const char* name;
        bool changes; // for the administrator alone
        void (Daemon::*run)(const Request&);
    };
    static constexpr Entry entries[] = {
        {"start", true, &Daemon::do_start},     {"switch", true, &Daemon::do_start},
        {"stop", true, &Daemon::do_stop},       {"restart", true, &Daemon::do_restart},
        {"hold", true, &Daemon::do_hold},       {"release", true, &Daemon::do_release},
        {"reload", true, &Daemon::do_reload},   {"explain", false, &Daemon::do_explain},
        {"monitor", false, &Daemon::do_monitor}};
    const std::string name = text_of(body, "request");
    if (name == "status")
        return reply({{"ok", true}, {"status", status()}});
    if (name == "list")
        return reply({{"ok", true}, {"workloads", list()}});
    if (name == "history")
        return reply({{"ok", true}, {"history", history()}});
    for (const Entry& entry : entries) {
        if (name != entry.name)
            continue;
        if (entry.changes && !may_change(peer))
            return reply(refused(fmt::format("only root may {} the scheduler", name)));
        return (this->*entry.run)({peer, body, reply});
    }
    if (name == "reset-failed") {
        if (!may_change(peer))
            return reply(refused("only root may reset failures"));
        record("reset-failed", "failures forgotten");
        send(event::FailuresReset{});
        return reply({{"ok", true}});
    }
    reply(refused(fmt::format("unknown request \"{}\"", name)));
}

void Daemon::do_start(const Request& request) {
    const auto spec = spec_of(request.body, config_->settings.scheduler);
    if (!spec)
        return request.reply(refused(spec.error().message()));
    event::StartRequested event{*spec, request.body.value("take_over", json(false)) == true};
    kernel_changed();
    if (const auto why = core_->refusal(event))
        return request.reply(refused(*why));
    last_reason_.clear();
    record("command", "start " + spec->value_or(config_->settings.scheduler).command());
    waiters_.push_back({request.peer.id, true, request.reply});
    send(event);
}

void Daemon::do_stop(const Request& request) {
    record("command", "stop");
    waiters_.push_back({request.peer.id, false, request.reply});
    send(event::StopRequested{});
}

void Daemon::do_restart(const Request& request) {
    if (core_->phase() != Phase::On)
        return request.reply(refused(fmt::format("no scheduler of ours is on ({})", core_->why())));
    last_reason_.clear();
    record("command", "restart");
    const Event event = event::RestartRequested{};
    // Not through send(): it would answer at once, for the scheduler is still on.
    apply(core_->on(event, monotonic_now()));
    waiters_.push_back({request.peer.id, true, request.reply});
    settle();
}

void Daemon::do_hold(const Request& request) {
    const auto spec = spec_of(request.body, config_->settings.scheduler);
    if (!spec)
        return request.reply(refused(spec.error().message()));
    std::string reason = text_of(request.body, "reason");
    if (reason.empty())
        reason = fmt::format("process {}", request.peer.pid.value);
    const std::uint64_t id = next_hold_++;
    HoldOwner owner{request.peer.id, {}};
    if (const auto pid = pid_of(request.body)) {
        const auto group = detector_->proc().thread_group(Pid{*pid});
        if (!group)
            return request.reply(refused(group.error().message()));
        owner.pid = *group;
    }
    hold_owners_[id] = owner;
    record("hold", fmt::format("{} taken: {}", id, reason));
    last_reason_.clear();
    // The cookie counts from now on, whether or not the scheduler comes up: the answer says so.
    const Reply reply = request.reply;
    waiters_.push_back({request.peer.id, true, [reply, id](const json& answer) {
                            json with_cookie = answer;
                            with_cookie["cookie"] = id;
                            reply(with_cookie);
                        }});
    send(event::HoldAdded{id, *spec, reason});
    tell_foreground();
}

void Daemon::do_release(const Request& request) {
    const auto it = request.body.find("cookie");
    const bool number = it != request.body.end() && it->is_number_integer() && *it > 0;
    const std::uint64_t id = number ? it->get<std::uint64_t>() : 0;
    if (hold_owners_.erase(id) == 0)
        return request.reply(refused(fmt::format("there is no hold {}", id)));
    record("hold", fmt::format("{} released", id));
    send(event::HoldReleased{id});
    tell_foreground();
    request.reply({{"ok", true}});
}

void Daemon::do_reload(const Request& request) {
    const Status status = reload();
    if (status)
        request.reply({{"ok", true}, {"files", config_->files}});
    else
        request.reply(refused("the old configuration stays:\n" + status.error().message()));
}

void Daemon::do_explain(const Request& request) {
    const auto pid = pid_of(request.body);
    if (!pid)
        return request.reply(refused("\"pid\" must be the number of a process"));
    const auto group = detector_->proc().thread_group(Pid{*pid});
    if (!group)
        return request.reply(refused(group.error().message()));
    const Needs everything{true, true, true, true, true, true, true};
    const auto info = detector_->proc().read(*group, everything, true);
    if (!info)
        return request.reply(refused(info.error().message()));
    // Another user's command line and executable are not ours to show around.
    if (!may_change(request.peer) && info->uid != request.peer.uid)
        return request.reply(refused("only root may explain other users' processes"));
    const Matcher matcher(config_->rules);
    request.reply({{"ok", true},
                   {"explanation", explanation_json(*info, matcher.explain(*info),
                                                    detector_->workloads().find(*group))}});
}

void Daemon::do_monitor(const Request& request) {
    monitors_[request.peer.id] = request.reply;
    request.reply(
        {{"ok", true}, {"event", "status"}, {"text", status_line()}, {"status", status()}});
}

json Daemon::list() const {
    json out = json::array();
    for (const Member& member : detector_->workloads().members()) {
        const Rule* rule = config_->find_rule(member.rule);
        const bool foreground =
            rule != nullptr && rule->workload_class == WorkloadClass::Foreground;
        out.push_back({{"rule", member.rule},
                       {"pid", member.key.pid.value},
                       {"comm", member.comm},
                       {"inherited", member.inherited},
                       {"foreground", foreground}});
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
    json told = json::array();
    for (const Pid pid : scheduler_->confirmed())
        told.push_back(pid.value);
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
                {"foreground", {{"told", told}, {"problem", scheduler_->problem()}}},
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

} // namespace rustland::supervisor
