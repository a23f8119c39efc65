// SPDX-License-Identifier: GPL-2.0-only
// What texts that rules are compared with look like, so that a pattern that can never match is an
// error and not a rule that is silently of no use.
#pragma once

#include "supervisor/config/values.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

enum class Shape {
    Comm,       // the kernel's name of a process, at most 15 bytes
    Program,    // a file name
    Relative,   // of a parent or an ancestor: either of these
    Executable, // an absolute path
    Cgroup,     // a path from the root of the hierarchy
    Words       // a command line: anything
};

// Why no text of this shape can match the item, and what to write instead; nothing where one can.
// A regular expression is not looked into.
std::optional<std::string> why_never(Shape shape, const ListItem& item);

// Why these cannot be meant as arguments; nothing where they can.
std::optional<std::string> why_no_arguments(const std::vector<std::string>& arguments);

} // namespace rustland::supervisor
