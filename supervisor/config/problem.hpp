// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

namespace rustland::supervisor {

// One thing wrong with a configuration, and where. `line` is 0 where the file as a whole is meant.
struct Problem {
    std::string file;
    int line = 0;
    std::string section;
    std::string key;
    std::string text;

    // "rustland.conf:12: [workload steam] comm: …"
    [[nodiscard]] std::string message() const {
        std::string out = file;
        if (line > 0)
            out += ":" + std::to_string(line);
        out += ": ";
        if (!section.empty())
            out += "[" + section + "] ";
        if (!key.empty())
            out += key + ": ";
        return out + text;
    }
};

using Problems = std::vector<Problem>;

} // namespace rustland::supervisor
