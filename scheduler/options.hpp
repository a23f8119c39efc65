// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "exit_code.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/run_policy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rustland {

struct Options {
    std::vector<std::string> policies;  // to choose from
    std::string policy;                 // one of them, or empty if there are none
    std::vector<std::string> arguments; // for the policy
    Nanos slice_max = millis(20);
    Nanos slice_min = millis(1);
    Nanos lease = millis(20);
    std::vector<Pid> foreground_pids;
    std::vector<std::string> foreground_cgroups; // paths below the root of cgroupfs
    std::uint32_t others_share = 10;             // percent that the foreground leaves to others
    bool realtime = false;
    bool partial = false;
    bool numa_local = false;
    bool percpu_local = false;
    bool cpufreq = true;
    std::uint32_t timeout_ms = 10000;
    std::uint32_t exit_dump_len = 0; // 0: the kernel's default
    std::optional<Nanos> stats;      // how often to print
    std::optional<Nanos> monitor;    // instead of scheduling
    bool verbose = false;
    std::string socket = "/run/rustland/scheduler.sock";
    bool socket_given = false;
};

// One option: what the help text and the manual page tell, and what a value does. `set` gets the
// value, or nothing for an option without one.
struct OptionRow {
    const char* name;     // without the dashes
    const char* argument; // nullptr: takes none
    const char* group;
    const char* help;
    Status (*set)(Options& options, const std::string& value);
};

// Those that schedule or monitor. --help, --help-stats and --version, which only print, have no
// `set`.
const std::vector<OptionRow>& option_table();

// A text to print instead of running, and the status to end with: help, or what is wrong with the
// options (which belongs on standard error).
struct Message {
    std::string text;
    ExitCode code = ExitCode::Stopped;
};

std::variant<Options, Message> parse_options(int argc, const char* const* argv,
                                             const Program& program);

std::string help_text(const Program& program);

} // namespace rustland
