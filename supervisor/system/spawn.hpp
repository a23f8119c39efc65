// SPDX-License-Identifier: GPL-2.0-only
// Starts a program of ours beside the event loop: with no input, no signals blocked, and without
// what systemd's environment means for this daemon alone.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <string>
#include <vector>

namespace rustland::supervisor {

struct Program {
    std::vector<std::string> command; // one without a slash is looked for in PATH
    int output = -1;                  // descriptors; -1: to nowhere
    int errors = -1;
    bool own_session = false; // it outlives this daemon
};

// The caller waits for its end.
Result<Pid> spawn_program(const Program& program);

} // namespace rustland::supervisor
