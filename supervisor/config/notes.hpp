// SPDX-License-Identifier: GPL-2.0-only
// What is no mistake in a configuration, and may still not be what was meant.
#pragma once

#include "supervisor/config/layers.hpp"
#include "supervisor/config/problem.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

inline constexpr std::string_view kSupervisorSection = "supervisor";
inline constexpr std::string_view kWorkloadPrefix = "workload ";
inline constexpr std::string_view kCompanionPrefix = "companion ";

// True for "workload NAME" and the like, with a name.
bool names_one(std::string_view section, std::string_view prefix);

// A list that replaces one of another file; a rule that is switched off and is not there; a path
// that begins with a home folder's "~", which begins a regular expression.
Problems notes_on(const std::vector<LayeredSection>& sections);

} // namespace rustland::supervisor
