// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace rustland::supervisor {

// A line of a configuration file.
struct Place {
    std::string file;
    int line = 0;
    bool operator==(const Place&) const = default;

    // "/etc/rustland/rustland.conf:12"
    [[nodiscard]] std::string text() const { return file + ":" + std::to_string(line); }
};

// Where the keys of one section were given. A list that was added to has several places.
using Origins = std::map<std::string, std::vector<Place>, std::less<>>;

} // namespace rustland::supervisor
