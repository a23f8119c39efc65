// SPDX-License-Identifier: GPL-2.0-only
// The result of a run, and its forms: JSON (which can be read back), a table, CSV.
#pragma once

#include "bench/model.hpp"
#include "bench/stats.hpp"
#include "rustland/common/result.hpp"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace rustland::bench {

struct LoadStats {
    double seconds = 0; // over which the rates are taken
    std::uint64_t jobs = 0;
    std::uint64_t failed_jobs = 0;
    double jobs_per_s = 0;
    double load_per_s = 0;  // iterations of the load
    double game_per_s = 0;  // iterations of the game
    double total_per_s = 0; // of both
};

struct SchedulerStats {
    std::string ops;  // as the kernel names it; empty: the kernel's own scheduler
    std::string comm; // of the process that was looked at; empty: none
    std::int32_t pid = 0;
    double cpu_percent = 0; // of one CPU
    double cpu_seconds = 0;
    double rss_mib = 0;
    double peak_rss_mib = 0;
    // As its own statistics say; nothing when it does not answer.
    std::optional<double> decisions_per_s;
    std::optional<double> decided_percent;     // of the tasks that found no idle CPU
    std::optional<double> cpu_us_per_decision; // CPU time of its whole process
    // Another scheduler at the end than at the start: the figures are no scheduler's.
    bool changed = false;
};

struct SwitchStats {
    double game_voluntary_per_s = 0;
    double game_involuntary_per_s = 0;
    double system_per_s = 0;
};

// One scenario under one scheduler with one seed.
struct Run {
    std::string label;
    std::uint64_t seed = 1;
    Scenario scenario;
    FrameStats frames;
    AudioStats audio;
    LoadStats load;
    SchedulerStats scheduler;
    SwitchStats switches;
    std::vector<double> frame_ms; // kept on request
};

// What one call of the program measured.
struct Report {
    std::string kernel;
    unsigned cpus = 0;
    std::uint64_t iterations_per_ms = 0;
    double duration_s = 0;
    double warmup_s = 0;
    bool vsync = true;
    bool compositor = true;
    std::vector<Run> runs;
};

std::string to_json(const Report& report);
// Errors say what is missing or of the wrong kind.
Result<Report> from_json(const std::string& text);

// Cells with all parameters, one a line; as JSON with what equal shares allow each of them.
std::string cells_to_text(const std::vector<Cell>& cells);
std::string cells_to_json(const std::vector<Cell>& cells, unsigned cpus);

// Wide: all figures; else those that a player looks for, in 80 columns.
enum class TableWidth { Brief, Wide };
std::string to_table(const Report& report, TableWidth width);
std::string to_csv(const Report& report);

} // namespace rustland::bench
