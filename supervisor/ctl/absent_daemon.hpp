// SPDX-License-Identifier: GPL-2.0-only
// What is said where the daemon does not run: why, as far as it can be seen, and the command that
// helps on this machine.
#pragma once

#include <string>

namespace rustland::supervisor {

inline constexpr const char* kDaemonSocket = "/run/rustland/control.sock";

struct DaemonAbsence {
    bool systemd = true;   // systemd runs this machine
    bool installed = true; // and knows the unit
    bool enabled = false;  // which is to be started with the machine
    std::string mistake;   // the first in the configuration; empty: none
    int more_mistakes = 0; // and how many besides
};

// Looks at the files of the machine. `root` goes before every path.
DaemonAbsence look_for_daemon(const std::string& root = "");

// "rustlandd does not run", or why it would not start either; without what to do.
std::string what_is_absent(const DaemonAbsence& absence);
// The command that helps; never one that is bound to fail.
std::string how_to_have_it(const DaemonAbsence& absence);

// Both, for who asked at `socket` and got no answer.
std::string no_daemon(const std::string& socket);

} // namespace rustland::supervisor
