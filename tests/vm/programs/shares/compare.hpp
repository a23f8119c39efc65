// SPDX-License-Identifier: GPL-2.0-only
// A scheduler's shares against a reference's: whether each is where it should be.
#pragma once

#include "rustland/common/result.hpp"
#include "shares/result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rustland::shares {

// How far a share may be from the reference's.
struct Targets {
    double group_points = 3;  // a group, and the idle CPUs
    double single_points = 1; // a group that is one task
    double alike = 0.15;      // each of the tasks that are alike, as a part of the reference's
    // What a task of a small share may be off in any case: a tick of 4 ms a second on one of four
    // CPUs, which is the grain in which CPU time is given out.
    double grain_points = 0.1;
};

enum class Verdict { good, bad, missing, none };

// One row of the table. Shares of several tasks are sorted.
struct Row {
    std::string configuration;
    std::string what;              // the group's path; or its path, and the tasks' line
    std::vector<double> reference; // medians over the seeds
    std::vector<double> measured;
    std::vector<double> beside; // another reference, without a verdict
    double least = 0; // the least and the most of the reference's over its tasks and seeds
    double most = 0;
    double difference = 0;              // the largest, in points; 0 when something is missing
    Verdict verdict = Verdict::missing; // none: the row is only shown
    std::string why;                    // of a bad verdict: the target that is missed
};

// Rows for each configuration of the reference, in its order; several runs of one configuration are
// seeds. What is not among the measured ones is "missing". Fails when two runs of one configuration
// do not have the same groups and tasks.
Result<std::vector<Row>> compare(const std::vector<Run>& reference,
                                 const std::vector<Run>& measured, const std::vector<Run>& beside,
                                 const Targets& targets = {});

// Whether no row is bad or missing.
bool all_good(const std::vector<Row>& rows);

struct Names {
    std::string reference = "EEVDF";
    std::string measured = "rustland";
    std::string beside; // empty: there is none
};

// A Markdown table, and a line of how many rows and configurations are as they should be.
std::string to_markdown(const std::vector<Row>& rows, const Names& names);

} // namespace rustland::shares
