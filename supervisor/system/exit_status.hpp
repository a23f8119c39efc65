// SPDX-License-Identifier: GPL-2.0-only
// How a scheduler's end is read. Our own scheduler's exit codes are an interface (its
// exit_code.hpp); of any other program only "0: ended cleanly", "else: failed" and, before it is
// attached, the custom of ending with 2 for a bad option are believed.
#pragma once

#include "supervisor/core/event.hpp"

#include <string>

namespace rustland::supervisor {

struct ProcessEnd {
    bool known = false; // it was our child or a unit, so that its status could be had
    int exit_code = 0;
    int signal = 0;
};

struct Run {
    bool ours = false;      // the program is rustland
    bool requested = false; // we had asked it to stop
    bool attached = true;   // it had got into the kernel
    bool killed = false;    // asking had not helped: we had sent it SIGKILL
    bool unit = false;      // under systemd, which has exit statuses of its own
};

// `output` is what it last wrote; its last line is taken for the reason.
ExitInfo describe_exit(const ProcessEnd& end, const Run& run, const std::string& output);

// Whether the errno of an attempt to execute a file means that it is no program for this machine.
bool is_no_program(int error);
// What to do about a file that is none.
inline constexpr const char* kMendProgram =
    "correct scheduler= or mend the file, then sudo rustlandctl reload";
// What to do about options that it does not take.
inline constexpr const char* kMendOptions =
    "correct its options (scheduler_args), then sudo rustlandctl reload";
// The same reason where a person's command, not the configuration, named the program and its
// options.
std::string for_command(const std::string& reason);

// "stalled", "crashed" …
const char* exit_kind_name(ExitKind kind);

// The last line of a text that is not empty.
std::string last_line(const std::string& text);

} // namespace rustland::supervisor
