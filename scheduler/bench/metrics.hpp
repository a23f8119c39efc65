// SPDX-License-Identifier: GPL-2.0-only
// The figures of a run as a list, so that table, CSV and comparison cannot drift apart.
#pragma once

#include "bench/report.hpp"

#include <span>
#include <string_view>

namespace rustland::bench {

enum class Better { Higher, Lower };

struct Metric {
    std::string_view key;   // in CSV
    std::string_view title; // in tables, with the unit
    int digits;
    Better better; // decides which seed is the worst
    double (*value)(const Run&);
};

std::span<const Metric> metrics();
// By key; the key must exist.
const Metric& metric(std::string_view key);

} // namespace rustland::bench
