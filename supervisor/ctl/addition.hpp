// SPDX-License-Identifier: GPL-2.0-only
// A rule of one's own for one program, as the text of a configuration file. Pure, but for the look
// at such a file.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/match/process_info.hpp"

#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

enum class AdditionKind {
    Game,     // the program is to count as one
    Exclusion // it is not to, whatever other rules say
};

// What a rule knows a program by.
struct Recognition {
    std::string program;                                    // what to call it
    std::vector<std::pair<std::string, std::string>> lines; // keys with their values
};

// By what this process is known, as precisely as one name can tell. An error, with what to do
// instead, where its name is that of too much: a shell, an interpreter, a part of the desktop.
Result<Recognition> recognize(const ProcessInfo& process, AdditionKind kind);
// By what a person writes: a name, a pattern, or the path of an executable.
Result<Recognition> recognize(const std::string& text, AdditionKind kind);

// A name for the rule: "game" of "Game.exe", "not-game" for one that keeps it out.
std::string rule_name_for(const Recognition& recognition, AdditionKind kind);
// Why this cannot be the name of a rule and of its file.
Status check_rule_name(const std::string& name);

// Whether a file is one that exclude wrote, so that it may go as a whole; and the command for that.
bool made_by_exclude(const std::string& file);
std::string undo_exclude(const std::string& file);

// The rule alone, and the file with it.
std::string rule_text(const Recognition& recognition, const std::string& name, AdditionKind kind);
std::string drop_in_text(const Recognition& recognition, const std::string& name,
                         AdditionKind kind);

} // namespace rustland::supervisor
