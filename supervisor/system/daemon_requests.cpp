// SPDX-License-Identifier: GPL-2.0-only
// What the daemon answers, on the socket and on the bus alike.
#include "rustland/common/clock.hpp"
#include "supervisor/system/daemon.hpp"
#include "supervisor/system/explanation.hpp"
#include "supervisor/system/request_fields.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// The answer stays what it is; what it says of others' ancestors does not name them.
void hide_others_ancestors(const ProcReader& proc, const Matcher& matcher, ProcessInfo process,
                           uid_t viewer, Explanation& explanation) {
    for (Ancestor& ancestor : process.ancestors)
        if (proc.user(ancestor.key.pid) != viewer) {
            ancestor.comm = "(another user's)";
            ancestor.programs.clear();
            ancestor.steam_appid.reset();
        }
    const Explanation shown = matcher.explain(process);
    for (std::size_t rule = 0; rule < explanation.rules.size(); ++rule) {
        auto& keys = explanation.rules[rule].keys;
        const auto& hidden = shown.rules[rule].keys;
        // The last key, the session, may be there in one of the two alone.
        for (std::size_t key = 0; key < std::min(keys.size(), hidden.size()); ++key)
            if (keys[key].key == hidden[key].key && keys[key].key != "session")
                keys[key].actual = hidden[key].actual;
    }
}

// Others go over the message bus, where polkit can be asked. With sudo a held game would run as
// root.
std::string only_root(const std::string& request) {
    return fmt::format("only root may {} on this socket, and the message bus, which takes it from "
                       "others, was not there; {}",
                       request,
                       request == "hold" || request == "release"
                           ? "see systemctl status dbus"
                           : "sudo rustlandctl " +
                                 (request == "dump" ? std::string("history --dump") : request));
}

} // namespace

std::optional<SchedulerSpec> Daemon::unnamed_scheduler(const json& request) const {
    const auto spec = spec_of(request, config_->settings.scheduler);
    // One that makes no sense is refused later.
    if (!spec || !*spec || config_->names(**spec))
        return std::nullopt;
    return **spec;
}

bool Peer::may(Right wanted) const { return uid == 0 || uid == ::geteuid() || right >= wanted; }

bool Daemon::Request::may(Right right) const { return peer.may(right); }

void Daemon::request(const Peer& peer, const json& body, const Reply& reply, UniqueFd pidfd) {
    struct Entry {
        const char* name;
        Right right;
        void (Daemon::*run)(Request&);
    };
    static constexpr Entry entries[] = {{"start", Right::Manage, &Daemon::do_start},
                                        {"switch", Right::Manage, &Daemon::do_start},
                                        {"stop", Right::Manage, &Daemon::do_stop},
                                        {"restart", Right::Manage, &Daemon::do_restart},
                                        {"resume", Right::Manage, &Daemon::do_resume},
                                        {"dump", Right::Manage, &Daemon::do_dump},
                                        {"reload", Right::Manage, &Daemon::do_reload},
                                        {"reset-failed", Right::Manage, &Daemon::do_reset_failed},
                                        {"hold", Right::Hold, &Daemon::do_hold},
                                        {"release", Right::Hold, &Daemon::do_release},
                                        {"explain", Right::Look, &Daemon::do_explain},
                                        {"monitor", Right::Look, &Daemon::do_monitor}};
    const std::string name = text_of(body, "request");
    if (name == "status")
        return reply({{"ok", true}, {"status", status_for(peer)}});
    if (name == "list")
        return reply({{"ok", true}, {"workloads", list(peer)}});
    if (name == "history")
        return reply({{"ok", true}, {"history", history(peer)}});
    Request request{peer, body, reply, std::move(pidfd)};
    for (const Entry& entry : entries) {
        if (name != entry.name)
            continue;
        if (!request.may(entry.right))
            return reply(refused(only_root(name)));
        return (this->*entry.run)(request);
    }
    reply(refused(fmt::format("unknown request \"{}\"", name)));
}

void Daemon::do_start(Request& request) {
    const auto spec = spec_of(request.body, config_->settings.scheduler);
    if (!spec)
        return request.reply(refused(spec.error().message()));
    if (unnamed_scheduler(request.body) && !request.may(Right::RunProgram))
        return request.reply(refused(kUnnamed));
    event::StartRequested event{*spec, request.body.value("take_over", json(false)) == true};
    kernel_changed();
    if (const auto why = core_->refusal(event))
        return request.reply(refused(*why));
    last_reason_.clear();
    record("command", "start " + spec->value_or(config_->settings.scheduler).command());
    waiters_.push_back(
        {request.peer, true, request.reply, {}, spec->value_or(config_->settings.scheduler)});
    send(event);
}

void Daemon::do_stop(Request& request) {
    record("command", "stop");
    const Nanos now = monotonic_now();
    waiters_.push_back({request.peer, false, request.reply, now});
    waiters_timer_.arm(now + config_->settings.stop_timeout);
    send(event::StopRequested{StopOrder{request.peer.uid, wall_clock_ms()}});
}

void Daemon::answer_the_patient() {
    // SIGINT, SIGTERM, SIGKILL and the kernel's letting go may take a time-out each.
    constexpr int steps = 5;
    const Nanos step = config_->settings.stop_timeout;
    const Nanos now = monotonic_now();
    const std::string held = runner_->what_holds_a_stop();
    std::vector<Waiter> told;
    bool more = false;
    for (const Waiter& waiter : std::exchange(waiters_, {})) {
        const bool over = !held.empty() || now - waiter.since >= step * steps;
        more = more || (!waiter.wants_on && !over);
        (waiter.wants_on || !over ? waiters_ : told).push_back(waiter);
    }
    if (more)
        waiters_timer_.arm(now + step);
    for (const Waiter& waiter : told)
        waiter.reply(refused(fmt::format(
            "not stopped yet: {}; it stops once that is possible (rustlandctl status)",
            held.empty() ? "the scheduler does not end, although it was asked to and killed"
                         : held)));
}

void Daemon::do_resume(Request& request) {
    record("command", "resume");
    send(event::Resumed{});
    request.reply({{"ok", true}, {"status", status()}});
}

void Daemon::do_restart(Request& request) {
    if (core_->phase() != Phase::On)
        return request.reply(
            refused(fmt::format("no scheduler of ours is on ({})", core_->why(monotonic_now()))));
    last_reason_.clear();
    record("command", "restart");
    const Event event = event::RestartRequested{};
    // Not through send(): it would answer at once, for the scheduler is still on.
    apply(core_->on(event, monotonic_now()));
    waiters_.push_back({request.peer, true, request.reply, {}, core_->current()});
    settle();
}

void Daemon::do_reset_failed(Request& request) {
    record("reset-failed", "failures forgotten");
    send(event::FailuresReset{});
    request.reply({{"ok", true}});
}

void Daemon::do_reload(Request& request) {
    reload([this, reply = request.reply](const Status& status) {
        if (status)
            reply({{"ok", true}, {"files", config_->files}});
        else
            reply(refused("the old configuration stays:\n" + status.error().message()));
    });
}

void Daemon::do_dump(Request& request) {
    const json dump = last_exit_.is_object() ? last_exit_["dump"] : json("");
    request.reply({{"ok", true}, {"dump", dump}});
}

void Daemon::do_explain(Request& request) {
    const auto pid = pid_of(request.body);
    if (!pid)
        return request.reply(refused("\"pid\" must be the number of a process"));
    const auto group = detector_->proc().thread_group(Pid{*pid});
    if (!group)
        return request.reply(refused(group.error().message()));
    auto info = detector_->proc().read(*group, Needs::everything(), true);
    if (!info)
        return request.reply(refused(info.error().message()));
    info->gpu = detector_->gpu_use(info->key);
    // Another user's command line and executable are not ours to show around.
    if (!request.may(Right::Manage) && info->uid != request.peer.uid)
        return request.reply(refused(fmt::format(
            "only root may explain other users' processes: sudo rustlandctl explain {}", *pid)));
    const Matcher matcher(config_->rules);
    const Matcher companions(config_->used_companions());
    const auto seated = [this](const ProcessInfo& process) { return detector_->seated(process); };
    Explanation explanation = matcher.explain(*info, seated);
    Explanation serves = companions.explain(*info, seated);
    if (!request.may(Right::Manage)) {
        const ProcReader& proc = detector_->proc();
        hide_others_ancestors(proc, matcher, *info, request.peer.uid, explanation);
        hide_others_ancestors(proc, companions, *info, request.peer.uid, serves);
    }
    json shown = explanation_json(*info, explanation, serves);
    if (const Member* member = detector_->workloads().find(*group)) {
        shown["member_of"] = member->rule;
        shown["inherited"] = member->inherited;
        shown["waits"] = why_waits(member->rule, monotonic_now());
    }
    request.reply({{"ok", true}, {"explanation", std::move(shown)}});
}

void Daemon::do_monitor(Request& request) {
    monitors_.insert_or_assign(request.peer.id, Monitor{request.peer, request.reply});
    request.reply({{"ok", true},
                   {"event", "status"},
                   {"text", status_line()},
                   {"status", status_for(request.peer)}});
}

bool Daemon::client_busy(ClientId id) const {
    return monitors_.count(id) > 0 ||
           std::any_of(waiters_.begin(), waiters_.end(),
                       [id](const Waiter& w) { return w.peer.id == id; }) ||
           std::any_of(hold_owners_.begin(), hold_owners_.end(),
                       [id](const auto& hold) { return hold.second.client == id; });
}

void Daemon::client_left(ClientId id) {
    monitors_.erase(id);
    std::erase_if(waiters_, [id](const Waiter& w) { return w.peer.id == id; });
    std::vector<std::uint64_t> released;
    for (const auto& [hold, owner] : hold_owners_)
        if (owner.client == id && !owner.pidfd)
            released.push_back(hold);
    for (const std::uint64_t hold : released)
        end_hold(hold, "its owner left");
}

} // namespace rustland::supervisor
