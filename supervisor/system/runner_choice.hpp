// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "supervisor/config/config.hpp"

#include <functional>

namespace rustland::supervisor {

struct RunnerFacts {
    bool systemd_machine = false; // systemd is process 1
    bool service = false;         // systemd runs this daemon
    // Whether systemd answers on the bus just now; may wait for it. Asked only where it matters.
    std::function<bool()> answers;
    // This process has what kChildRunnerNeeds names.
    bool may_have_children = true;
};

// Without them a child could not load a scheduler, and one that an earlier daemon left in a unit of
// its own, as another user, could not be ended.
inline constexpr const char* kChildRunnerNeeds =
    "it needs CAP_BPF, CAP_PERFMON and CAP_KILL, which rustlandd.service does not grant";
bool may_have_children();

// How schedulers are run: Systemd or Child; an error where `wanted` cannot be. A daemon that is a
// service of systemd never falls back to children, however slow systemd or the bus are at boot:
// they could not load a scheduler inside the daemon's own sandbox. What cannot be started yet is
// tried again. For the same reason `child` is not done where the capabilities are missing and
// systemd is there.
Result<RunnerKind> choose_runner(RunnerKind wanted, const RunnerFacts& facts);

} // namespace rustland::supervisor
