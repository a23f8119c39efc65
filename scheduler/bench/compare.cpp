// SPDX-License-Identifier: GPL-2.0-only
#include "bench/compare.hpp"

#include "bench/text_table.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::bench {
namespace {

std::vector<double> values_of(const RunGroup& group, const Metric& m) {
    std::vector<double> values;
    values.reserve(group.runs.size());
    for (const Run* run : group.runs)
        if (const Figure value = m.value(*run))
            values.push_back(*value);
    return values;
}

// Median or worst.
using Summary = Figure (RunGroup::*)(const Metric&) const;

// The metrics whose ratio to the first label is worth a column.
bool has_ratio(const Metric& m) { return m.key == "fps" || m.key == "total_miter_per_s"; }

std::string ratio_text(const Figure& value, const Figure& base) {
    return value && base && *base > 0 ? fmt::format("{:.2f}x", *value / *base) : "-";
}

const RunGroup& base_of(const std::vector<RunGroup>& groups, const RunGroup& group) {
    return *std::find_if(groups.begin(), groups.end(),
                         [&](const RunGroup& g) { return g.scenario == group.scenario; });
}

Cells figures(const std::vector<RunGroup>& groups, Summary summary, TableWidth width) {
    const bool wide = width == TableWidth::Wide;
    Cells cells{{"scenario", "scheduler", "seeds"}};
    for (const Metric& m : metrics()) {
        if (!m.in_comparison || (!wide && !m.in_brief))
            continue;
        cells[0].emplace_back(m.title);
        if (has_ratio(m))
            cells[0].emplace_back("ratio");
    }
    for (const RunGroup& group : groups) {
        const RunGroup& base = base_of(groups, group);
        std::vector<std::string> row{wide ? to_string(group.scenario) : brief_name(group.scenario),
                                     group.label, std::to_string(group.runs.size())};
        for (const Metric& m : metrics()) {
            if (!m.in_comparison || (!wide && !m.in_brief))
                continue;
            const Figure value = (group.*summary)(m);
            row.push_back(to_text(m, value));
            if (has_ratio(m))
                row.push_back(ratio_text(value, (base.*summary)(m)));
        }
        cells.push_back(std::move(row));
    }
    return cells;
}

std::string csv_figures(const std::vector<RunGroup>& groups) {
    Cells cells{{"scenario", "label", "seeds"}};
    for (const Metric& m : metrics()) {
        cells[0].push_back(fmt::format("{}_median", m.key));
        cells[0].push_back(fmt::format("{}_worst", m.key));
    }
    for (const RunGroup& group : groups) {
        std::vector<std::string> row{to_string(group.scenario), group.label,
                                     std::to_string(group.runs.size())};
        for (const Metric& m : metrics()) {
            row.push_back(to_csv_field(group.median_of(m)));
            row.push_back(to_csv_field(group.worst_of(m)));
        }
        cells.push_back(std::move(row));
    }
    return csv(cells);
}

// The ratio that is lowest over the scenarios, and where.
struct Lowest {
    double ratio = 0;
    std::string scenario;
    void add(double candidate, const Scenario& where) {
        if (scenario.empty() || candidate < ratio) {
            ratio = candidate;
            scenario = to_string(where);
        }
    }
};

// One label against the base over all the scenarios that both have.
std::string summary_of(const std::vector<RunGroup>& groups, const std::string& label,
                       const std::string& base_label) {
    const Metric& fps = metric("fps");
    const Metric& total = metric("total_miter_per_s");
    const Metric& late = metric("audio_late_percent");
    double fps_sum = 0;
    double base_fps_sum = 0;
    double total_sum = 0;
    double base_total_sum = 0;
    double most_late = 0;
    std::size_t scenarios = 0;
    Lowest lowest_fps;
    Lowest lowest_total;
    for (const RunGroup& group : groups) {
        const RunGroup& base = base_of(groups, group);
        if (group.label != label || base.label != base_label)
            continue;
        const double group_fps = group.median_of(fps).value_or(0);
        const double base_fps = base.median_of(fps).value_or(0);
        const double group_total = group.median_of(total).value_or(0);
        const double base_total = base.median_of(total).value_or(0);
        ++scenarios;
        fps_sum += group_fps;
        base_fps_sum += base_fps;
        total_sum += group_total;
        base_total_sum += base_total;
        lowest_fps.add(group_fps / base_fps, group.scenario);
        lowest_total.add(group_total / base_total, group.scenario);
        most_late = std::max(most_late, group.median_of(late).value_or(0));
    }
    if (scenarios == 0)
        return fmt::format("{} and {} have no scenario in common.\n", label, base_label);
    const auto n = static_cast<double>(scenarios);
    return fmt::format("{} against {} over {} scenario{}: mean fps {:.1f} against {:.1f} "
                       "({:.2f}x, lowest {:.2f}x in {}); total work {:.2f}x (lowest {:.2f}x in "
                       "{}); audio late at most {:.2f} %.\n",
                       label, base_label, scenarios, scenarios == 1 ? "" : "s", fps_sum / n,
                       base_fps_sum / n, fps_sum / base_fps_sum, lowest_fps.ratio,
                       lowest_fps.scenario, total_sum / base_total_sum, lowest_total.ratio,
                       lowest_total.scenario, most_late);
}

std::vector<std::string> labels_of(const std::vector<RunGroup>& groups) {
    std::vector<std::string> labels;
    for (const RunGroup& group : groups)
        if (std::find(labels.begin(), labels.end(), group.label) == labels.end())
            labels.push_back(group.label);
    return labels;
}

// Figures that do not compare are shown, but never in silence.
std::string notes(const std::vector<Report>& reports) {
    std::string text;
    const Report& first = reports.front();
    const auto differs = [&](auto member) {
        return std::any_of(reports.begin(), reports.end(),
                           [&](const Report& r) { return r.*member != first.*member; });
    };
    const auto note = [&](bool applies, std::string_view what) {
        if (applies)
            text += fmt::format("Note: the results differ in {}; compare with care.\n", what);
    };
    note(differs(&Report::kernel), "the kernel");
    note(differs(&Report::cpus), "the number of CPUs");
    note(differs(&Report::iterations_per_ms), "the work per millisecond (--iterations-per-ms)");
    note(differs(&Report::duration_s), "the duration");
    note(differs(&Report::vsync), "vsync");
    for (const Report& report : reports)
        for (const Run& run : report.runs)
            if (run.scheduler.changed && run.scenario.fault == Fault::None)
                text += fmt::format("Note: during {} ({}, seed {}) the scheduler changed or went "
                                    "away; its figures are not that scheduler's.\n",
                                    to_string(run.scenario), run.label, run.seed);
    return text;
}

} // namespace

Figure RunGroup::median_of(const Metric& m) const {
    auto values = values_of(*this, m);
    return values.empty() ? std::nullopt : Figure(median(std::move(values)));
}

Figure RunGroup::worst_of(const Metric& m) const {
    const auto values = values_of(*this, m);
    if (values.empty())
        return std::nullopt;
    return m.better == Better::Higher ? *std::min_element(values.begin(), values.end())
                                      : *std::max_element(values.begin(), values.end());
}

std::vector<RunGroup> group_runs(const std::vector<Report>& reports) {
    std::vector<Scenario> scenarios;
    std::vector<std::string> labels;
    std::vector<RunGroup> groups;
    const auto rank = [](const auto& list, const auto& item) {
        return std::find(list.begin(), list.end(), item) - list.begin();
    };
    for (const Report& report : reports) {
        for (const Run& run : report.runs) {
            if (rank(scenarios, run.scenario) == std::ssize(scenarios))
                scenarios.push_back(run.scenario);
            if (rank(labels, run.label) == std::ssize(labels))
                labels.push_back(run.label);
            auto group = std::find_if(groups.begin(), groups.end(), [&](const RunGroup& g) {
                return g.scenario == run.scenario && g.label == run.label;
            });
            if (group == groups.end())
                group = groups.insert(groups.end(), RunGroup{run.scenario, run.label, {}});
            group->runs.push_back(&run);
        }
    }
    std::stable_sort(groups.begin(), groups.end(), [&](const RunGroup& a, const RunGroup& b) {
        const auto scenario_a = rank(scenarios, a.scenario);
        const auto scenario_b = rank(scenarios, b.scenario);
        return scenario_a != scenario_b ? scenario_a < scenario_b
                                        : rank(labels, a.label) < rank(labels, b.label);
    });
    return groups;
}

std::string compare(const std::vector<Report>& reports, TableStyle style, TableWidth width) {
    const std::vector<RunGroup> groups = group_runs(reports);
    if (groups.empty())
        return "The results hold no runs.\n";
    if (style == TableStyle::Csv)
        return csv_figures(groups);

    constexpr std::size_t kTextColumns = 2;
    const auto draw = [&](const Cells& cells) {
        return style == TableStyle::Markdown ? markdown(cells, kTextColumns)
                                             : aligned(cells, kTextColumns);
    };
    const bool several = std::any_of(groups.begin(), groups.end(),
                                     [](const RunGroup& g) { return g.runs.size() > 1; });
    std::string text;
    if (several)
        text += "Median over the seeds\n\n";
    text += draw(figures(groups, &RunGroup::median_of, width));
    if (several)
        text += "\nWorst seed\n\n" + draw(figures(groups, &RunGroup::worst_of, width));

    const std::vector<std::string> labels = labels_of(groups);
    if (labels.size() > 1)
        text += "\n";
    for (std::size_t i = 1; i < labels.size(); ++i)
        text += summary_of(groups, labels[i], labels[0]);
    const std::string warnings = notes(reports);
    if (!warnings.empty())
        text += "\n" + warnings;
    return text;
}

} // namespace rustland::bench
