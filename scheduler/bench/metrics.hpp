// SPDX-License-Identifier: GPL-2.0-only
// The figures of a run as a list, so that table, CSV and comparison cannot drift apart.
#pragma once

#include "bench/report.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rustland::bench {

enum class Better { Higher, Lower };

// Nothing where it is not known, or where there is no such thing (the kernel's own scheduler has no
// process).
using Figure = std::optional<double>;

struct Metric {
    std::string_view key;   // in CSV
    std::string_view title; // in tables, with the unit
    int digits;
    Better better;      // decides which seed is the worst
    bool in_comparison; // else only in the table of single runs and in CSV
    bool in_brief;      // also in tables for a terminal of 80 columns
    Figure (*value)(const Run&);
};

std::span<const Metric> metrics();
// By key; the key must exist.
const Metric& metric(std::string_view key);

std::string to_text(const Metric& m, const Figure& figure); // "-" for nothing
std::string to_csv_field(const Figure& figure);             // empty for nothing

} // namespace rustland::bench
