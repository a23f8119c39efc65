// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace rustland::supervisor {

// A workload as the status tells of it: "game:       supertuxkart (process 365, rule native)".
std::string workload_line(const nlohmann::json& workload);

// Such a line for each workload that may not be named here, because it is another user's.
std::vector<std::string> lines_of_others(const nlohmann::json& status);

} // namespace rustland::supervisor
