// SPDX-License-Identifier: GPL-2.0-only
// Several results side by side: medians and worst seeds, ratios to the first.
#pragma once

#include "bench/metrics.hpp"
#include "bench/report.hpp"

#include <string>
#include <vector>

namespace rustland::bench {

// All runs of one scenario under one label: the seeds.
struct RunGroup {
    Scenario scenario;
    std::string label;
    std::vector<const Run*> runs;

    // Over the runs of which the figure is known; nothing when it is of none.
    [[nodiscard]] Figure median_of(const Metric& m) const;
    [[nodiscard]] Figure worst_of(const Metric& m) const;
};

// In the order in which the scenarios, and within each the labels, come up first. The runs stay
// the reports'.
std::vector<RunGroup> group_runs(const std::vector<Report>& reports);

enum class TableStyle { Text, Markdown, Csv };

// The table of medians (with ratios to the first label of each scenario), that of the worst seeds
// where there are several, and a summary per label. CSV: both figures of every metric, no summary.
// The width is that of tables; CSV has everything.
std::string compare(const std::vector<Report>& reports, TableStyle style, TableWidth width);

} // namespace rustland::bench
