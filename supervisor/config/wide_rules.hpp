// SPDX-License-Identifier: GPL-2.0-only
// Rules that take more than anybody means, and configurations by which nothing counts.
#pragma once

#include "supervisor/config/config.hpp"
#include "supervisor/config/problem.hpp"

namespace rustland::supervisor {

// One for each enabled rule and companion that every program of a user matches.
Problems notes_on_wide_rules(const Config& config);

// No rule can turn the scheduler on, and nothing else does by itself.
bool nothing_counts(const Config& config);
// What is said of that.
inline constexpr const char* kNothingCounts =
    "no rule is on, so that nothing counts as a game; rustlandctl add makes one, and those of the "
    "package are in /etc/rustland/rustland.conf";

} // namespace rustland::supervisor
