// SPDX-License-Identifier: GPL-2.0-only
// Whether a name is that of anything on this machine.
#pragma once

#include "supervisor/system/proc_reader.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

// Names of what runs now, each once; those of kernel threads are none.
std::vector<std::string> names_of_processes(const ProcReader& proc);

// What is to be said of a program's name, or an executable's path, that nothing on this machine
// has: nothing runs by it, and no folder of programs has it. Nothing where something has it, or
// where it is a pattern for several.
std::optional<std::string> note_on_unknown(const ProcReader& proc, const std::string& text);

} // namespace rustland::supervisor
