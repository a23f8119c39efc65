// SPDX-License-Identifier: GPL-2.0-only
// Reads a manual page's source, for tests that hold it against the program.
#pragma once

#include "rustland/common/file.hpp"

#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

namespace rustland::testing {

// The lines between a heading (.Sh or .Ss) and the next one.
inline std::vector<std::string> man_section(const std::string& path, const std::string& heading) {
    const auto page = read_file(path);
    EXPECT_TRUE(page) << path;
    std::vector<std::string> lines;
    std::istringstream in(page.value_or(""));
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(".Sh ") || line.starts_with(".Ss "))
            inside = line.substr(4) == heading;
        else if (inside)
            lines.push_back(line);
    }
    EXPECT_FALSE(lines.empty()) << path << ": no section " << heading;
    return lines;
}

// What follows `macro` at the beginning of the section's lines.
inline std::vector<std::string> man_items(const std::string& path, const std::string& heading,
                                          const std::string& macro) {
    std::vector<std::string> found;
    for (const std::string& line : man_section(path, heading))
        if (line.starts_with(macro))
            found.push_back(line.substr(macro.size()));
    return found;
}

} // namespace rustland::testing
