// SPDX-License-Identifier: GPL-2.0-only
// Which rule takes a process and why, as rustlandctl shows it: the daemon's answer, and what
// rustlandctl finds out by itself where no daemon runs.
#pragma once

#include "supervisor/match/matcher.hpp"

#include <nlohmann/json.hpp>

namespace rustland::supervisor {

// `companions`: what the rules of companions say of it.
nlohmann::json explanation_json(const ProcessInfo& process, const Explanation& explanation,
                                const Explanation& companions);

} // namespace rustland::supervisor
