// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "exit_code.hpp"
#include "options.hpp"
#include "rustland/core/topology.hpp"
#include "rustland/policy/policy.hpp"

#include <functional>
#include <memory>

namespace rustland {

using PolicyFactory =
    std::function<std::unique_ptr<Policy>(const Options& options, const Topology& topology)>;

// The policy that the options ask for.
std::unique_ptr<Policy> make_policy(const Options& options, const Topology& topology);

// Schedules the machine until it is stopped by a signal, over the socket or by the kernel; starts
// anew where the kernel asks for that. Logs what happens, and returns how it ended. If the policy
// hangs so that its thread cannot be ended, it ends the process itself with that status.
ExitCode run_scheduler(const Options& options, const PolicyFactory& factory);

} // namespace rustland
