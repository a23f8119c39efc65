// SPDX-License-Identifier: GPL-2.0-only
// Names and lists as a configuration file has to write them: the inverse of parse_list().
#pragma once

#include <string>
#include <vector>

namespace rustland::supervisor {

// The name as a glob that matches it alone.
std::string literal_glob(const std::string& name);

// A pattern as an item of a list, in quotes where it needs them.
std::string list_item(const std::string& pattern);
std::string written_list(const std::vector<std::string>& patterns);

// Whether a glob fits into a line as an item, and means itself there.
bool can_be_written(const std::string& glob);

} // namespace rustland::supervisor
