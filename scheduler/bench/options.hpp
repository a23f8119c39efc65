// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/model.hpp"
#include "bench/scheduler_stats.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rustland::bench {

// Exit statuses, in --help and in the manual.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;           // a run could not be done
inline constexpr int kExitUsage = 2;            // bad option or unreadable input
inline constexpr int kExitSchedulerChanged = 3; // the figures are no scheduler's
inline constexpr int kExitSignalBase = 128;     // + the signal that interrupted

struct RunOptions {
    std::vector<Scenario> scenarios;
    double duration_s = 5;
    double warmup_s = 1;
    std::uint64_t seed = 1;
    std::uint64_t iterations_per_ms = 0; // 0: calibrate
    bool vsync = true;
    bool compositor = true;                    // a frame counts when a compositor has shown it
    std::string label;                         // empty: the scheduler's name
    std::optional<std::string> scheduler_comm; // nothing: as the kernel names it; "": none
    std::string scheduler_socket = kDefaultSocket;
    std::string game_hook;
    bool foreground = false; // the scheduler is told the game
    bool keep_frames = false;
    bool json = false;
    bool csv = false;
    bool wide = false; // all figures in the table
    std::string output;
    std::string page; // HTML, too; empty: none
};

// A page of results that there are.
struct PageOptions {
    std::string page;
    std::vector<std::string> files;
};

struct CompareOptions {
    std::vector<std::string> files;
    bool markdown = false;
    bool csv = false;
    bool wide = false;
};

struct CalibrateOptions {};

// Drawn cells, to be printed instead of run.
struct ListOptions {
    std::vector<Cell> cells;
    unsigned cpus = 1; // for which they were drawn
    bool json = false;
};

// Nothing to do but to print: help, version (status 0) or what is wrong (status 2).
struct Message {
    std::string text;
    int status = kExitOk;
};

using Command =
    std::variant<RunOptions, PageOptions, CompareOptions, CalibrateOptions, ListOptions, Message>;

// cpus: how many this machine has, for the default of --slots.
Command parse_command_line(int argc, const char* const* argv, unsigned cpus);

} // namespace rustland::bench
