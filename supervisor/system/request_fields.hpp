// SPDX-License-Identifier: GPL-2.0-only
// The fields of a request, read strictly, and the answer where they make no sense.
#pragma once

#include "supervisor/config/config.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace rustland::supervisor {

inline constexpr const char* kUnnamed =
    "only root may run a program, or arguments, that the configuration "
    "does not name (on the bus, the action org.rustland1.run-program)";

nlohmann::json refused(const std::string& why);

// Empty where there is no such text.
std::string text_of(const nlohmann::json& body, const char* key);

// "scheduler" and "arguments"; nothing where neither is given. Arguments alone go to `standard`.
Result<std::optional<SchedulerSpec>> spec_of(const nlohmann::json& body,
                                             const SchedulerSpec& standard);

// "pid"; nothing where it is no number of a process.
std::optional<std::int32_t> pid_of(const nlohmann::json& body);

} // namespace rustland::supervisor
