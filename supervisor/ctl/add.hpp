// SPDX-License-Identifier: GPL-2.0-only
// Adding a game to the configuration, or keeping a program out, in one step.
#pragma once

#include "supervisor/ctl/addition.hpp"
#include "supervisor/ctl/commands.hpp"

#include <string>

namespace rustland::supervisor {

struct AddOptions {
    AdditionKind kind = AdditionKind::Game;
    std::string what; // the number of a process, a program's name, a pattern or a path
    std::string name; // of the rule and its file; empty: made of the program's
};

// Shows the file that it writes into the administrator's folder, writes it, and has the daemon read
// it. Without the right to write, the file is shown and the error says which command does it.
int add_rule(const CtlOptions& options, const AddOptions& add);

// A name that neither a rule nor a file in `folder` has.
std::string free_rule_name(const Config& config, const std::string& folder,
                           const Recognition& recognition, AdditionKind kind);

void print_drop_in(const std::string& path, const std::string& text);

} // namespace rustland::supervisor
