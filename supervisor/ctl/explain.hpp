// SPDX-License-Identifier: GPL-2.0-only
// Which rule would take a process, found out without the daemon.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/config/config.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

// The same object as the daemon's, of the process that `pid` is a thread of. Takes half a second
// where a rule asks for the graphics processor, which needs two looks.
Result<nlohmann::json> explain_by_itself(const Config& config, std::int32_t pid,
                                         const std::string& proc_root = "/proc");

} // namespace rustland::supervisor
