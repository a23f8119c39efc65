// SPDX-License-Identifier: GPL-2.0-only
// Holds: who keeps the scheduler on, for what, and for how long.
#include "rustland/common/clock.hpp"
#include "supervisor/system/daemon.hpp"
#include "supervisor/system/request_fields.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sys/epoll.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

// A hold costs little, but not nothing.
constexpr int kMostHoldsPerUser = 16;
constexpr std::size_t kLongestReason = 200;

} // namespace

// Notes whose hold it is: a client's, or a process's.
Status Daemon::own_hold(Request& request, std::uint64_t id, const event::HoldAdded& hold) {
    const Peer& peer = request.peer;
    const auto same = std::count_if(hold_owners_.begin(), hold_owners_.end(),
                                    [&](const auto& h) { return h.second.uid == peer.uid; });
    if (!request.may(Right::Manage) && same >= kMostHoldsPerUser)
        return Error(fmt::format("this user has {} holds already", same));
    HoldOwner owner{peer.id, peer.uid, {}, hold.spec, hold.reason, {}, {}};
    if (const auto pid = pid_of(request.body)) {
        const auto group = detector_->proc().thread_group(Pid{*pid});
        if (!group)
            return group.error();
        Needs owner_of;
        owner_of.uid = true;
        const auto info = detector_->proc().read(*group, owner_of, false);
        if (!info)
            return info.error();
        // The foreground is for one's own programs.
        if (!request.may(Right::Manage) && info->uid != peer.uid)
            return Error(fmt::format("process {} belongs to another user", *pid));
        owner.process = info->key;
    }
    if (request.pidfd)
        if (Status status = bind_hold(id, owner, std::move(request.pidfd)); !status)
            return status;
    hold_owners_.insert_or_assign(id, std::move(owner));
    return {};
}

Status Daemon::bind_hold(std::uint64_t id, HoldOwner& owner, UniqueFd pidfd) {
    auto exit = loop_.io(pidfd.get(), EPOLLIN,
                         [this, id](std::uint32_t) { end_hold(id, "its process ended"); });
    if (!exit)
        return exit.error();
    owner.pidfd = std::move(pidfd);
    owner.exit = *std::move(exit);
    return {};
}

// The holds of processes that an earlier daemon knew. Their clients' connections ended with it, so
// that from now on the processes themselves count.
std::vector<event::HoldAdded> Daemon::take_back_holds() {
    std::vector<event::HoldAdded> holds;
    for (const HoldRecord& hold : run_->holds) {
        auto pidfd = options_.detector.open_pidfd ? options_.detector.open_pidfd(hold.process.pid)
                                                  : open_pidfd(hold.process.pid);
        const auto key = detector_->proc().key(hold.process.pid);
        HoldOwner owner{0, hold.uid, hold.process, hold.spec, hold.reason, {}, {}};
        if (!pidfd || !key || *key != hold.process || !bind_hold(hold.id, owner, *std::move(pidfd)))
            continue;
        next_hold_ = std::max(next_hold_, hold.id + 1);
        hold_owners_.insert_or_assign(hold.id, std::move(owner));
        holds.push_back({hold.id, hold.spec, hold.reason});
    }
    return holds;
}

// The hold that this process has had since an earlier daemon: it asks for it again because it saw
// that daemon end.
std::optional<std::uint64_t> Daemon::taken_back(const Request& request,
                                                const event::HoldAdded& hold) const {
    const auto pid = pid_of(request.body);
    if (!pid)
        return std::nullopt;
    const auto key = detector_->proc().key(Pid{*pid});
    for (const auto& [id, owner] : hold_owners_)
        if (key && owner.client == 0 && owner.process == *key && owner.uid == request.peer.uid &&
            owner.spec == hold.spec && owner.reason == hold.reason)
            return id;
    return std::nullopt;
}

void Daemon::do_hold(Request& request) {
    const auto spec = spec_of(request.body, config_->settings.scheduler);
    if (!spec)
        return request.reply(refused(spec.error().message()));
    // To choose the program is to run anything as root.
    if (*spec && !request.may(Right::Manage))
        return request.reply(refused("only an administrator may hold another scheduler"));
    if (unnamed_scheduler(request.body) && !request.may(Right::RunProgram))
        return request.reply(refused(kUnnamed));
    if (!request.may(Right::Manage) && !hold_rate_.take_single(request.peer.uid, monotonic_now()))
        return request.reply(refused("too many holds in a short time; wait a moment"));
    event::HoldAdded hold{next_hold_, *spec,
                          CleanLine(text_of(request.body, "reason"), kLongestReason),
                          request.may(Right::Manage)};
    if (hold.reason.empty())
        hold.reason = "no reason given";
    const auto kept = taken_back(request, hold);
    if (kept)
        hold.id = *kept;
    else if (const Status status = own_hold(request, hold.id, hold); !status)
        return request.reply(refused(status.error().message()));
    else
        ++next_hold_;
    if (!kept)
        record("hold", fmt::format("{} taken: {}", hold.id, hold.reason));
    last_reason_.clear();
    // The cookie counts from now on, whether or not the scheduler comes up: the answer says so.
    waiters_.push_back({request.peer,
                        true,
                        [reply = request.reply, id = hold.id](const json& answer) {
                            json with_cookie = answer;
                            with_cookie["cookie"] = id;
                            reply(with_cookie);
                        },
                        {},
                        *spec});
    send(hold);
    if (run_)
        save_run();
    tell_classes();
}

void Daemon::do_release(Request& request) {
    const auto it = request.body.find("cookie");
    const bool number = it != request.body.end() && it->is_number_integer() && *it > 0;
    const std::uint64_t id = number ? it->get<std::uint64_t>() : 0;
    const auto owner = hold_owners_.find(id);
    if (owner == hold_owners_.end())
        return request.reply(refused(fmt::format("there is no hold {}", id)));
    if (!request.may(Right::Manage) && owner->second.uid != request.peer.uid)
        return request.reply(refused(
            fmt::format("hold {0} belongs to another user: sudo rustlandctl release {0}", id)));
    end_hold(id, "");
    request.reply({{"ok", true}});
}

void Daemon::end_hold(std::uint64_t id, const std::string& why) {
    hold_owners_.erase(id);
    record("hold", fmt::format("{} released{}{}", id, why.empty() ? "" : ": ", why));
    send(event::HoldReleased{id});
    if (run_)
        save_run();
    tell_classes();
}

} // namespace rustland::supervisor
