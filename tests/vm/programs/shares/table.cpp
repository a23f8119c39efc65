// SPDX-License-Identifier: GPL-2.0-only
#include "shares/compare.hpp"

#include "bench/text_table.hpp"

#include <cmath>
#include <fmt/format.h>
#include <map>

namespace rustland::shares {
namespace {

// One share, or the least and the greatest of several.
std::string shares_text(const std::vector<double>& shares) {
    if (shares.empty())
        return "-";
    if (shares.size() == 1)
        return fmt::format("{:.1f}", shares[0]);
    return fmt::format("{:.1f} … {:.1f}", shares.front(), shares.back());
}

// The reference's median, and between what its seeds were if they differ.
std::string reference_text(const Row& row) {
    std::string text = shares_text(row.reference);
    if (row.reference.size() == 1 && row.most - row.least >= 0.1)
        text += fmt::format(" ({:.1f} … {:.1f})", row.least, row.most);
    return text;
}

std::string verdict_text(const Row& row) {
    switch (row.verdict) {
    case Verdict::good:
        return "good";
    case Verdict::none:
        return "";
    case Verdict::missing:
        return "**no result**";
    case Verdict::bad:
        break;
    }
    return fmt::format("**{}**", row.why);
}

std::string difference_text(const Row& row) {
    if (row.verdict == Verdict::missing)
        return "-";
    // Without the sign of a difference that is rounded away.
    return std::abs(row.difference) < 0.05 ? "0.0" : fmt::format("{:+.1f}", row.difference);
}

} // namespace

std::string to_markdown(const std::vector<Row>& rows, const Names& names) {
    bench::Cells cells{{"configuration", "group or tasks", names.reference + " %"}};
    if (!names.beside.empty())
        cells[0].push_back(names.beside + " %");
    cells[0].insert(cells[0].end(), {names.measured + " %", "difference, points", "verdict"});
    std::map<std::string, bool> good;
    unsigned good_rows = 0;
    unsigned judged_rows = 0;
    std::string before;
    for (const Row& row : rows) {
        std::vector<std::string> line{row.configuration == before ? "" : row.configuration,
                                      row.what, reference_text(row)};
        if (!names.beside.empty())
            line.push_back(shares_text(row.beside));
        line.insert(line.end(),
                    {shares_text(row.measured), difference_text(row), verdict_text(row)});
        cells.push_back(std::move(line));
        before = row.configuration;
        if (row.verdict == Verdict::none)
            continue;
        const bool is_good = row.verdict == Verdict::good;
        ++judged_rows;
        good_rows += is_good ? 1 : 0;
        good.try_emplace(row.configuration, true).first->second &= is_good;
    }
    unsigned good_configurations = 0;
    for (const auto& [name, is_good] : good)
        good_configurations += is_good ? 1 : 0;
    return fmt::format("{}\n{}: {} of {} rows and {} of {} configurations are as they should be.\n",
                       bench::markdown(cells, 2), names.measured, good_rows, judged_rows,
                       good_configurations, good.size());
}

} // namespace rustland::shares
