// SPDX-License-Identifier: GPL-2.0-only
// Workloads that leave the foreground with the user's attention.
#include "rustland/common/log.hpp"
#include "supervisor/system/daemon.hpp"

namespace rustland::supervisor {

// Where a rule wants it and the desktop tells that the user has turned away from the application.
bool Daemon::out_of_focus(const Member& member) {
    const Rule* rule = config_->find_rule(member.rule);
    if (rule == nullptr || !rule->follow_focus)
        return false;
    if (!focus_) {
        auto watch =
            FocusWatch::create(loop_, options_.detector.cgroup_root, [this] { tell_classes(); });
        if (!watch) {
            log::warn("{}; workloads stay in the foreground", watch.error().message());
            return false;
        }
        focus_ = *std::move(watch);
    }
    Needs place;
    place.cgroup = true;
    const auto info = detector_->proc().read(member.key.pid, place, false);
    return info && info->key == member.key && info->cgroup && focus_->inactive(*info->cgroup);
}

// Those that have their rule's class: without the ones that left it with the user's attention.
std::vector<Member> Daemon::members_in_focus() {
    std::vector<Member> members = detector_->workloads().members();
    std::erase_if(members, [this](const Member& member) { return out_of_focus(member); });
    return members;
}

} // namespace rustland::supervisor
