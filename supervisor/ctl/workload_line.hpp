// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

// A workload as the status tells of it: "game:       supertuxkart (process 365, rule native)".
std::string workload_line(const nlohmann::json& workload);

} // namespace rustland::supervisor
