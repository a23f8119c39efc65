// SPDX-License-Identifier: GPL-2.0-only
// Programs whose name says little about what runs: shells, interpreters, launchers, the desktop.
#pragma once

#include <string_view>
#include <vector>

namespace rustland::supervisor {

struct CommonPrograms {
    const char* what; // "is a shell"
    std::vector<std::string_view> names;
};
const std::vector<CommonPrograms>& common_programs();

// What the program of this name is, if it is one of them, whatever its version; else null.
const char* common_program(std::string_view name);

} // namespace rustland::supervisor
