// SPDX-License-Identifier: GPL-2.0-only
// Why this machine cannot run the scheduler, in one line that says what to do.
#pragma once

#include "exit_code.hpp"
#include "rustland/common/result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rustland {

// Where the kernel's file systems are.
struct SystemRoots {
    std::string proc = "/proc";
    std::string sys = "/sys";
};

// An obstacle: the line for the user and the program's exit code.
struct Obstacle {
    ExitCode code;
    std::string line;
};

// What is cheap to find out before anything is loaded. Nothing: the way is free as far as one can
// see.
std::optional<Obstacle> find_obstacle(const SystemRoots& roots, bool realtime);

// What the kernel's sched_ext does just now.
struct SchedExtState {
    std::string state; // disabled, enabling, enabled, disabling; empty without sched_ext
    std::string ops;   // name of the attached scheduler, empty if none
};
SchedExtState read_sched_ext_state(const std::string& sys_root);

// Another scheduler is attached: found before, or by the attempt (EBUSY).
Obstacle other_scheduler(const SystemRoots& roots);

// Why loading failed. `libbpf_messages`: what libbpf said; `broken_kfuncs`: from
// kfuncs_with_hidden_argument().
Obstacle explain_load_failure(const Error& error, const std::string& libbpf_messages,
                              const std::vector<std::string>& broken_kfuncs,
                              const SystemRoots& roots = {});

// Why attaching failed.
Obstacle explain_attach_failure(const Error& error, const std::string& libbpf_messages,
                                const SystemRoots& roots);

} // namespace rustland
