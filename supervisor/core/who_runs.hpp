// SPDX-License-Identifier: GPL-2.0-only
// Who runs the scheduler that the kernel shows: the one answer that status, list, stop, top and
// doctor give. Pure: what was found is a value, the answer is words.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "rustland/common/types.hpp"

#include <optional>
#include <string>

namespace rustland::supervisor {

// The unit that the packages bring for a scheduler that is always on.
inline constexpr const char* kAlwaysOnUnit = "rustland.service";

// The process that keeps a scheduler in the kernel, as far as it can be found.
struct SchedulerOwner {
    Pid pid;
    CleanLine comm;
    CleanLine unit; // the systemd unit that it runs in; empty: none, such as a shell's session
    // A rustlandd that has ended started it, and the next one takes it over.
    bool left_behind = false;
    bool operator==(const SchedulerOwner&) const = default;
};

struct WhoRuns {
    enum class By {
        Nobody,     // the kernel's own scheduler alone
        Us,         // rustlandd
        LeftBehind, // what a rustlandd that has ended left on
        AlwaysOn,   // rustland.service, which somebody else than rustlandd started
        Other
    };
    By by = By::Nobody;
    CleanLine ops; // as the kernel shows it; empty: nobody
    std::optional<SchedulerOwner> owner;

    // "rustland, which somebody else started (process 812, rustland)"; no full stop.
    [[nodiscard]] CleanLine text() const;
    // What to do where it is to be another way; empty where it is as it should be.
    [[nodiscard]] CleanLine advice() const;
};

// `ops`: what the kernel shows, nothing where no scheduler is attached. `ours`: rustlandd runs it.
WhoRuns who_runs(const std::optional<CleanLine>& ops, bool ours,
                 const std::optional<SchedulerOwner>& owner);

// "nobody", "rustlandd", "earlier rustlandd", "rustland.service" or "other".
const char* runner_name(WhoRuns::By by);

} // namespace rustland::supervisor
