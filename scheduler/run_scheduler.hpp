// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "exit_code.hpp"
#include "options.hpp"
#include "rustland/run_policy.hpp"

namespace rustland {

// Schedules the machine until it is stopped by a signal, over the socket or by the kernel; starts
// anew where the kernel asks for that. Logs what happens, and returns how it ended. If the policy
// hangs so that its thread cannot be ended, it ends the process itself with that status.
ExitCode run_scheduler(const Options& options, const PolicyFactory& factory,
                       const Program& program);

} // namespace rustland
