// SPDX-License-Identifier: GPL-2.0-only
// Rule lists of ananicy to our configuration.
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <vector>

namespace rustland::supervisor {

struct ImportedRules {
    std::string text;                  // a configuration file
    int names = 0;                     // programs that it lists
    std::vector<std::string> problems; // lines that were not understood
};

// One line of a .rules file: {"name": "game.exe", "type": "Game"}. Nothing for a comment, an empty
// line or another type.
Result<std::string> ananicy_game(const std::string& line);

// All .rules files below `directory`.
Result<ImportedRules> import_ananicy(const std::string& directory);

} // namespace rustland::supervisor
