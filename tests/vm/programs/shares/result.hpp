// SPDX-License-Identifier: GPL-2.0-only
// What one run of one configuration has measured, as one line of JSON.
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::shares {

// All percentages are of the CPU time that the whole machine had.

struct GroupShare {
    std::string path;
    double percent = 0;  // with the groups in it
    bool single = false; // whether one task is all that it ever has
    bool operator==(const GroupShare&) const = default;
};

// The tasks of one line of the description, which are alike.
struct TaskShares {
    std::string group;
    std::string label;
    std::vector<double> percent; // of each, in the order of their start
    bool operator==(const TaskShares&) const = default;
};

struct Run {
    std::string configuration;
    std::string about;
    std::string scheduler; // "EEVDF", or the name of the sched_ext scheduler
    std::string kernel;
    std::string cgroup_mode; // of EEVDF, on kernels that have a choice; else empty
    unsigned cpus = 0;
    std::uint64_t seed = 0;
    double seconds = 0; // how long was measured
    std::vector<GroupShare> groups;
    std::vector<TaskShares> tasks;
    double others = 0; // all other tasks: the scheduler's own work, the kernel's threads
    double idle = 0;   // CPUs with nothing to do
    bool operator==(const Run&) const = default;
};

// One line without its end.
std::string to_json(const Run& run);

// A file of such lines. Errors name the line.
Result<std::vector<Run>> runs_from_json(std::string_view text);

} // namespace rustland::shares
