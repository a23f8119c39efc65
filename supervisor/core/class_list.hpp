// SPDX-License-Identifier: GPL-2.0-only
// Which processes the scheduler is told the class of. Pure.
#pragma once

#include "supervisor/core/companions.hpp"
#include "supervisor/core/workloads.hpp"

#include <cstddef>
#include <vector>

namespace rustland::supervisor {

// Thread groups by class, each sorted; those in neither are normal.
struct TaskClasses {
    std::vector<Pid> foreground;
    std::vector<Pid> background;
    // In the foreground, too, but not what descends from them.
    std::vector<Pid> companions;
    bool operator==(const TaskClasses&) const = default;
};

// A process that somebody holds the scheduler for: part of the foreground.
struct HeldProcess {
    ProcessKey process;
    uid_t user = 0;
};

struct ClassList {
    TaskClasses classes;
    std::vector<uid_t> cut; // users who have more than they may: their youngest are left out
};

// The scheduler takes this many in all, some of them from its command line.
inline constexpr std::size_t kMostClassed = 3840;
inline constexpr std::size_t kMostClassedPerUser = 512;

// The scheduler gives a process's class to all that descends from it, so that only the roots are
// listed: a member whose parent is a member of the same class is not, except where the way up to
// one that is listed would become longer than the scheduler looks. One user's processes, however
// many, leave the others theirs. Companions are listed where a member in the foreground names them,
// and come after all others where there is no room for all.
ClassList class_list(const std::vector<Member>& members, const Config& config,
                     const std::vector<HeldProcess>& held,
                     const std::vector<Companion>& companions = {});

} // namespace rustland::supervisor
