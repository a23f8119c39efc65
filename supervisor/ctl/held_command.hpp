// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl run: a command with the scheduler on while it runs.
#pragma once

#include "supervisor/ctl/commands.hpp"

namespace rustland::supervisor {

// Holds the scheduler on while the command runs; its exit code. A daemon that is not there, or ends
// meanwhile, is asked again until the command has ended.
int run_held(const CtlOptions& options, const StartOptions& start, const std::string& reason,
             const std::vector<std::string>& command);

} // namespace rustland::supervisor
