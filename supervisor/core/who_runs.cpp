// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/who_runs.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

std::string where_found(const std::optional<SchedulerOwner>& owner) {
    if (!owner)
        return "";
    return owner->unit.empty() ? fmt::format(" (process {}, {})", owner->pid.value, owner->comm)
                               : fmt::format(" (process {}, {}, of {})", owner->pid.value,
                                             owner->comm, owner->unit);
}

// What ends it where it was begun.
std::string how_to_end(const std::optional<SchedulerOwner>& owner) {
    if (!owner)
        return "end it where it was started";
    if (owner->unit.empty())
        return fmt::format("end process {}", owner->pid.value);
    return fmt::format("sudo systemctl stop {}", owner->unit);
}

} // namespace

WhoRuns who_runs(const std::optional<CleanLine>& ops, bool ours,
                 const std::optional<SchedulerOwner>& owner) {
    if (!ops)
        return {};
    if (ours)
        return {WhoRuns::By::Us, *ops, std::nullopt};
    if (owner && owner->left_behind)
        return {WhoRuns::By::LeftBehind, *ops, owner};
    const bool always = owner && owner->unit == kAlwaysOnUnit;
    return {always ? WhoRuns::By::AlwaysOn : WhoRuns::By::Other, *ops, owner};
}

const char* runner_name(WhoRuns::By by) {
    switch (by) {
    case WhoRuns::By::Nobody:
        return "nobody";
    case WhoRuns::By::Us:
        return "rustlandd";
    case WhoRuns::By::LeftBehind:
        return "earlier rustlandd";
    case WhoRuns::By::AlwaysOn:
        return kAlwaysOnUnit;
    case WhoRuns::By::Other:
        break;
    }
    return "other";
}

CleanLine WhoRuns::text() const {
    switch (by) {
    case By::Nobody:
        return "no scheduler but the kernel's own";
    case By::Us:
        return fmt::format("{}, which rustlandd started", ops);
    case By::LeftBehind:
        return fmt::format("{}, which rustlandd started before it ended", ops);
    case By::AlwaysOn:
        return fmt::format("{}, which {} keeps on, with a game and without", ops, kAlwaysOnUnit);
    case By::Other:
        break;
    }
    return fmt::format("{}, which somebody else started{}", ops, where_found(owner));
}

CleanLine WhoRuns::advice() const {
    switch (by) {
    case By::Nobody:
    case By::Us:
        return "";
    case By::LeftBehind:
        return "start rustlandd, which takes it over";
    case By::AlwaysOn:
        return fmt::format("games are not put in front that way; to have that, sudo systemctl "
                           "disable --now {}, and default_action = start in rustland.conf where "
                           "it is to be on without a game, too",
                           kAlwaysOnUnit);
    case By::Other:
        break;
    }
    return fmt::format("{}, or take over: sudo rustlandctl start --take-over", how_to_end(owner));
}

} // namespace rustland::supervisor
