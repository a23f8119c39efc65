// SPDX-License-Identifier: GPL-2.0-only
// Rule lists of ananicy to our configuration.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/ctl/game_list.hpp"

#include <string>

namespace rustland::supervisor {

// One line of a .rules file: {"name": "game.exe", "type": "Game"}. Nothing for a comment, an empty
// line or another type.
Result<std::string> ananicy_game(const std::string& line);

// All .rules files below `directory`. A name there is the file name of the first argument, else
// that of the executable, else the kernel's short name.
Result<ImportedRules> import_ananicy(const std::string& directory);

} // namespace rustland::supervisor
