// SPDX-License-Identifier: GPL-2.0-only
// Output for people: colours and aligned columns on a terminal, plain text elsewhere.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

enum class Colour { None, Good, Note, Bad, Dim };

bool on_terminal();
std::string coloured(std::string_view text, Colour colour);
// Columns padded to the same width on a terminal, separated by tabs elsewhere.
void print_table(const std::vector<std::vector<std::string>>& rows);
void print_json(const nlohmann::json& value);
// "2026-01-31 18:04:05", local time.
std::string local_time(std::int64_t ms);
std::string uptime(std::int64_t ms);
// Control characters as "?": what other users put into names must not drive the terminal.
// "root", or "user 1000" where the user has no name.
std::string user_name(uid_t uid);

std::string safe(std::string_view text);

} // namespace rustland::supervisor
