// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/runner_choice.hpp"

namespace rustland::supervisor {

Result<RunnerKind> choose_runner(RunnerKind wanted, const RunnerFacts& facts) {
    if (wanted == RunnerKind::Child)
        return RunnerKind::Child;
    if (facts.systemd_machine && (facts.service || facts.answers()))
        return RunnerKind::Systemd;
    if (wanted == RunnerKind::Auto)
        return RunnerKind::Child;
    return Error(
        facts.systemd_machine
            ? "runner = systemd: systemd does not answer on the message bus; install dbus, "
              "or set runner = auto"
            : "runner = systemd: this machine is not run by systemd; set runner = auto");
}

} // namespace rustland::supervisor
