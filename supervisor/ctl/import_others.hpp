// SPDX-License-Identifier: GPL-2.0-only
// Lists of games that falcond and GameMode have, to our configuration.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/ctl/game_list.hpp"

#include <string>

namespace rustland::supervisor {

// All profiles (*.conf) below `directory`, such as /usr/share/falcond/profiles: each has the name
// of a game's program in "name = …". The profile for everything that Proton runs is passed over,
// because the rules that are shipped have one.
Result<ImportedRules> import_falcond(const std::string& directory);

// The section [filter] of a gamemode.ini: "whitelist" names games and "blacklist" what is none, by
// a part of the executable's path.
Result<ImportedRules> import_gamemode(const std::string& file);

} // namespace rustland::supervisor
