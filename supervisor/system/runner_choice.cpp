// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/runner_choice.hpp"

#include <algorithm>
#include <array>
#include <linux/capability.h>
#include <sys/prctl.h>

namespace rustland::supervisor {

// From the bounding set, which is what root's programs can have.
bool may_have_children() {
    constexpr std::array needed{CAP_BPF, CAP_PERFMON, CAP_KILL};
    return std::all_of(needed.begin(), needed.end(), [](int capability) {
        return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) > 0;
    });
}

Result<RunnerKind> choose_runner(RunnerKind wanted, const RunnerFacts& facts) {
    if (wanted == RunnerKind::Child && (facts.may_have_children || !facts.systemd_machine))
        return RunnerKind::Child;
    if (facts.systemd_machine && (facts.service || facts.answers()))
        return RunnerKind::Systemd;
    if (wanted != RunnerKind::Systemd)
        return RunnerKind::Child;
    return Error(
        facts.systemd_machine
            ? "runner = systemd: systemd does not answer on the message bus; install dbus, "
              "or set runner = auto"
            : "runner = systemd: this machine is not run by systemd; set runner = auto");
}

} // namespace rustland::supervisor
