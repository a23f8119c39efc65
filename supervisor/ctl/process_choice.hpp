// SPDX-License-Identifier: GPL-2.0-only
// The process that somebody means: its number, or what it is called.
#pragma once

#include "rustland/common/result.hpp"
#include "supervisor/system/proc_reader.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

// The number that the text is, of decimal digits alone; nothing for a name. Too great a one is that
// of no process.
std::optional<Pid> process_number(const std::string& text);

// The processes that are called so, the oldest first: by one of their programs' names or the
// kernel's own name for them, as rules compare these. Those of `user` come before all others.
std::vector<Pid> processes_called(const ProcReader& proc, const std::string& name, uid_t user);

struct ChosenProcess {
    Pid pid;
    std::vector<Pid> others; // which are called the same
};
// An error where nothing runs that is meant.
Result<ChosenProcess> choose_process(const ProcReader& proc, const std::string& text, uid_t user);

} // namespace rustland::supervisor
