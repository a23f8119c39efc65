// SPDX-License-Identifier: GPL-2.0-only
// Configurations that nobody has thought of.
#pragma once

#include "shares/description.hpp"

#include <cstdint>

namespace rustland::shares {

// A tree of groups and tasks, named tree-SEED: two to four groups at the top (control groups of any
// weight, and sessions), up to three deep, with one or two lines of one to four tasks in each leaf,
// at most 44 in all. The same seed draws the same tree everywhere. At least one task never sleeps,
// so that there is something to divide.
Configuration draw_tree(std::uint64_t seed);

} // namespace rustland::shares
