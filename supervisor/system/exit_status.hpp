// SPDX-License-Identifier: GPL-2.0-only
// How a scheduler's end is read.
//
// Exit codes that a scheduler may use to say more than "failed":
//   0   it ended cleanly: on a signal, or because it was taken out of the kernel by SysRq-S
//   75  start me again (EX_TEMPFAIL): a CPU came or went
//   76  the kernel's watchdog ejected it for stalling
//   77  the kernel ejected it for an error
// Any other code is a failure.
#pragma once

#include "supervisor/core/event.hpp"

#include <string>

namespace rustland::supervisor {

inline constexpr int kExitRestart = 75;
inline constexpr int kExitStalled = 76;
inline constexpr int kExitEjected = 77;

struct ProcessEnd {
    bool known = false; // it was our child or a unit, so that its status could be had
    int exit_code = 0;
    int signal = 0;
};

// `requested`: we had asked it to stop. `output` is what it last wrote; its last line is taken for
// the reason.
ExitInfo describe_exit(const ProcessEnd& end, bool requested, const std::string& output);

// The last line of a text that is not empty.
std::string last_line(const std::string& text);

} // namespace rustland::supervisor
