// SPDX-License-Identifier: GPL-2.0-only
// What tests of the configuration share: texts instead of files.
#pragma once

#include "supervisor/config/config.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::test {

inline std::optional<uid_t> fake_user(const std::string& name) {
    return name == "alice" ? std::optional<uid_t>(1000) : std::nullopt;
}

inline supervisor::BuiltConfig build(const std::string& text) {
    return supervisor::build_config({supervisor::parse_ini(text, "f")}, fake_user);
}

inline std::vector<std::string> messages(const supervisor::Problems& problems) {
    std::vector<std::string> out;
    for (const supervisor::Problem& p : problems)
        out.push_back(p.message());
    return out;
}

} // namespace rustland::test
