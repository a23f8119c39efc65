// SPDX-License-Identifier: GPL-2.0-only
#include "shares/compare.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace rustland::shares {
namespace {

using Seeds = std::vector<const Run*>;

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The runs of each configuration, and the configurations in the order of their first run.
struct ByConfiguration {
    explicit ByConfiguration(const std::vector<Run>& runs) {
        for (const Run& run : runs) {
            auto& seeds = all[run.configuration];
            if (seeds.empty())
                order.push_back(run.configuration);
            seeds.push_back(&run);
        }
    }
    [[nodiscard]] Seeds of(const std::string& name) const {
        const auto found = all.find(name);
        return found == all.end() ? Seeds{} : found->second;
    }

    std::map<std::string, Seeds> all;
    std::vector<std::string> order;
};

bool same_shape(const Run& a, const Run& b) {
    return a.cpus == b.cpus && a.kernel == b.kernel &&
           std::abs(a.seconds - b.seconds) < 0.1 * a.seconds &&
           std::equal(a.groups.begin(), a.groups.end(), b.groups.begin(), b.groups.end(),
                      [](const GroupShare& x, const GroupShare& y) { return x.path == y.path; }) &&
           std::equal(a.tasks.begin(), a.tasks.end(), b.tasks.begin(), b.tasks.end(),
                      [](const TaskShares& x, const TaskShares& y) {
                          return x.group == y.group && x.label == y.label &&
                                 x.percent.size() == y.percent.size();
                      });
}

Status check_shapes(const Run& model, const Seeds& seeds) {
    for (const Run* run : seeds)
        if (!same_shape(model, *run))
            return Error(
                fmt::format("{}: the runs to compare differ in groups, tasks, CPUs, kernel "
                            "or duration: measure all of them in the same way",
                            model.configuration));
    return {};
}

// The median over the seeds of what `figure` takes of each.
template <typename Figure> double over_seeds(const Seeds& seeds, Figure figure) {
    std::vector<double> values;
    values.reserve(seeds.size());
    for (const Run* run : seeds)
        values.push_back(figure(*run));
    return median(std::move(values));
}

template <typename Figure> std::vector<double> one_figure(const Seeds& seeds, Figure figure) {
    if (seeds.empty())
        return {};
    return {over_seeds(seeds, figure)};
}

std::vector<double> sorted_tasks(const Run& run, std::size_t line) {
    auto percent = run.tasks[line].percent;
    std::sort(percent.begin(), percent.end());
    return percent;
}

// Rank by rank.
std::vector<double> ranks(const Seeds& seeds, std::size_t line) {
    std::vector<double> result;
    if (seeds.empty())
        return result;
    for (std::size_t rank = 0; rank < seeds.front()->tasks[line].percent.size(); ++rank)
        result.push_back(
            over_seeds(seeds, [&](const Run& run) { return sorted_tasks(run, line)[rank]; }));
    return result;
}

void note_range(Row& row, const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    row.least = std::min(row.least, *least);
    row.most = std::max(row.most, *most);
}

// One share against one, within so many points.
void judge_points(Row& row, double points) {
    if (row.measured.empty())
        return;
    row.difference = row.measured[0] - row.reference[0];
    row.verdict = std::abs(row.difference) <= points ? Verdict::good : Verdict::bad;
    if (row.verdict == Verdict::bad)
        row.why = fmt::format("more than {:g} {} off", points, points == 1 ? "point" : "points");
}

// Rank by rank: near enough to the reference's, or among what the reference gave to tasks alike.
void judge_alike(Row& row, const Targets& targets) {
    if (row.measured.empty())
        return;
    row.verdict = Verdict::good;
    for (std::size_t rank = 0; rank < row.measured.size(); ++rank) {
        const double off = row.measured[rank] - row.reference[rank];
        if (std::abs(off) > std::abs(row.difference))
            row.difference = off;
        const double allowed = std::max(targets.alike * row.reference[rank], targets.grain_points);
        const bool in_spread = row.measured[rank] >= row.least && row.measured[rank] <= row.most;
        if (std::abs(off) > allowed && !in_spread)
            row.verdict = Verdict::bad;
    }
    if (row.verdict == Verdict::bad)
        row.why = fmt::format("a task more than {:.0f} % off", targets.alike * 100);
}

struct Sides {
    Seeds reference;
    Seeds measured;
    Seeds beside;
};

template <typename Figure>
Row points_row(const Sides& sides, std::string what, double points, Figure figure) {
    Row row{.configuration = sides.reference.front()->configuration,
            .what = std::move(what),
            .reference = one_figure(sides.reference, figure),
            .measured = one_figure(sides.measured, figure),
            .beside = one_figure(sides.beside, figure),
            .why = {}};
    row.least = row.most = row.reference[0];
    for (const Run* run : sides.reference)
        note_range(row, {figure(*run)});
    judge_points(row, points);
    return row;
}

Row tasks_row(const Sides& sides, std::size_t line, const Targets& targets) {
    const TaskShares& tasks = sides.reference.front()->tasks[line];
    Row row{.configuration = sides.reference.front()->configuration,
            .what = fmt::format(
                "{}: {}{}", tasks.group,
                tasks.percent.size() > 1 ? fmt::format("{} x ", tasks.percent.size()) : "",
                tasks.label),
            .reference = ranks(sides.reference, line),
            .measured = ranks(sides.measured, line),
            .beside = ranks(sides.beside, line),
            .why = {}};
    row.least = row.most = row.reference[0];
    for (const Run* run : sides.reference)
        note_range(row, run->tasks[line].percent);
    judge_alike(row, targets);
    return row;
}

void add_rows(std::vector<Row>& rows, const Sides& sides, const Targets& targets) {
    const Run& model = *sides.reference.front();
    std::vector<std::string> single;
    for (std::size_t i = 0; i < model.groups.size(); ++i) {
        const GroupShare& group = model.groups[i];
        if (group.single)
            single.push_back(group.path);
        rows.push_back(points_row(sides, group.path,
                                  group.single ? targets.single_points : targets.group_points,
                                  [i](const Run& run) { return run.groups[i].percent; }));
    }
    for (std::size_t line = 0; line < model.tasks.size(); ++line) {
        // A group that is one task has been compared already.
        if (std::find(single.begin(), single.end(), model.tasks[line].group) == single.end())
            rows.push_back(tasks_row(sides, line, targets));
    }
    rows.push_back(
        points_row(sides, "(idle)", targets.group_points, [](const Run& run) { return run.idle; }));
    rows.push_back(points_row(sides, "(all other tasks)", targets.group_points,
                              [](const Run& run) { return run.others; }));
    // What the scheduler itself costs is no share of anybody's.
    if (rows.back().verdict != Verdict::missing)
        rows.back().verdict = Verdict::none;
}

} // namespace

Result<std::vector<Row>> compare(const std::vector<Run>& reference,
                                 const std::vector<Run>& measured, const std::vector<Run>& beside,
                                 const Targets& targets) {
    const ByConfiguration references(reference);
    const ByConfiguration others(measured);
    const ByConfiguration more(beside);
    for (const std::string& name : others.order)
        if (references.of(name).empty())
            return Error(fmt::format("{}: there is no reference for it", name));
    std::vector<Row> rows;
    for (const std::string& name : references.order) {
        const Sides sides{
            .reference = references.of(name), .measured = others.of(name), .beside = more.of(name)};
        for (const Seeds& seeds : {sides.reference, sides.measured, sides.beside})
            if (auto status = check_shapes(*sides.reference.front(), seeds); !status)
                return status.error();
        add_rows(rows, sides, targets);
    }
    return rows;
}

bool all_good(const std::vector<Row>& rows) {
    return std::all_of(rows.begin(), rows.end(), [](const Row& row) {
        return row.verdict == Verdict::good || row.verdict == Verdict::none;
    });
}

} // namespace rustland::shares
