// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"
#include "supervisor/config/place.hpp"
#include "supervisor/match/pattern.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

enum class WorkloadClass { Foreground, Normal, Background };
// "foreground" and so on, as rustland.conf has it.
constexpr const char* class_name(WorkloadClass workload_class) {
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
enum class BatteryCondition { Any, Yes, No };
// Whose processes count: those of users who sit at the machine and of root, or everybody's.
enum class SessionCondition { Active, Any };

struct UserMatch {
    uid_t uid = 0;
    std::string text; // as written
};

// An AppID, or any at all (`*`).
struct SteamMatch {
    std::optional<std::uint32_t> appid;
};

// What a process must look like. Every key that is given must hold; within a key any item will do.
struct MatchKeys {
    std::vector<Pattern> comm;
    std::vector<Pattern> program;
    std::vector<Pattern> exe;
    std::vector<Pattern> cmdline;
    std::vector<Pattern> cgroup;
    std::vector<SteamMatch> steam_appid;
    std::vector<Pattern> parent;
    std::vector<Pattern> ancestor;
    std::vector<UserMatch> user;
    // At least so many percent of the graphics processor; only beside other keys.
    std::optional<int> gpu_percent;

    // Whether nothing is given that says which process is meant.
    [[nodiscard]] bool empty() const {
        return comm.empty() && program.empty() && exe.empty() && cmdline.empty() &&
               cgroup.empty() && steam_appid.empty() && parent.empty() && ancestor.empty() &&
               user.empty();
    }
};

// What "gpu = yes" means: more than a desktop's programs use over a scan interval.
inline constexpr int kGpuPercent = 10;

// One [workload NAME] section, or a [companion NAME] one, which has the keys and the session alone.
struct Rule {
    std::string name;
    std::string file; // where the section was first begun
    int line = 0;
    Origins origins; // where each key was given
    bool enabled = true;
    MatchKeys keys;
    bool deny = false;
    int priority = 0;
    std::optional<std::string> scheduler;
    std::optional<std::vector<std::string>> scheduler_args;
    WorkloadClass workload_class = WorkloadClass::Foreground;
    std::optional<Nanos> linger;
    // Nothing: as [supervisor] says, which build_config() has put in here.
    std::optional<SessionCondition> session;
    BatteryCondition on_battery = BatteryCondition::Any;
    std::vector<std::string> power_profiles; // empty: any
    // Names of [companion NAME] sections. Nothing: as [supervisor] says, which build_config() has
    // put in here where the class is foreground.
    std::optional<std::vector<std::string>> companions;
    // Out of the foreground while the desktop says that the user does something else.
    bool follow_focus = false;
};

} // namespace rustland::supervisor
