// SPDX-License-Identifier: GPL-2.0-only
// Every key of the configuration with the function that reads it: the one list that the parser, the
// manual's test and `check` share.
#pragma once

#include "supervisor/config/config.hpp"

namespace rustland::supervisor {

// The priority of a deny rule that gives none: above ordinary rules, so that a helper of a game is
// not taken for it.
inline constexpr int kDenyPriority = 1000;

// What "companions" says where a workload is to have none; no section's name.
inline constexpr std::string_view kNoCompanions = "none";

// What reading a value needs from outside.
struct KeyContext {
    const UserLookup& lookup;
    const ProgramLookup& has_program;
};

template <typename Target> struct Key {
    std::string_view name;
    Status (*set)(Target&, std::string_view value, const KeyContext&);
    bool continues = false; // may go on in indented lines
    char separator = ',';   // what the lines are joined with
};

template <typename Target> using KeyTable = std::vector<Key<Target>>;

const KeyTable<Settings>& settings_table();
const KeyTable<Rule>& workload_table();
// Those of a workload that say which process is meant, but for gpu, which takes two looks.
const KeyTable<Rule>& companion_table();

} // namespace rustland::supervisor
