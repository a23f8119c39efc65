// SPDX-License-Identifier: GPL-2.0-only
#include "bench/html/page.hpp"

#include "bench/html/assets.hpp"
#include "bench/html/plot.hpp"
#include "rustland/common/version.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <span>

namespace rustland::bench {
namespace {

struct Column {
    const char* title;
    int digits;
    Better better;
    Group::Get get;
};

constexpr Column kColumns[] = {
    {"fps", 1, Better::Higher, [](const Recording& r) { return Figure(r.frames.fps); }},
    {"1 % low fps", 1, Better::Higher,
     [](const Recording& r) { return Figure(r.frames.low1_fps); }},
    {"p50 ms", 2, Better::Lower, [](const Recording& r) { return Figure(r.frames.p50_ms); }},
    {"p99 ms", 2, Better::Lower, [](const Recording& r) { return Figure(r.frames.p99_ms); }},
    {"longest ms", 2, Better::Lower, [](const Recording& r) { return Figure(r.frames.max_ms); }},
    {"late audio %", 2, Better::Lower, [](const Recording& r) { return r.late_percent; }},
    {"jobs/s", 1, Better::Higher, [](const Recording& r) { return r.jobs_per_s; }},
    {"total work Mit/s", 2, Better::Higher, [](const Recording& r) { return r.total_miter_per_s; }},
};

using Groups = std::span<const Group>;

std::vector<std::string> unique(std::span<const Recording> recordings,
                                std::string Recording::*member) {
    std::vector<std::string> values;
    for (const Recording& r : recordings)
        if (const std::string& value = r.*member;
            !value.empty() && std::find(values.begin(), values.end(), value) == values.end())
            values.push_back(value);
    return values;
}

std::string text_of(const Figure& figure, int digits) {
    return figure ? fmt::format("{:.{}f}", *figure, digits) : "–";
}

// The best figure of a column as it is shown; empty where there is nothing to choose from, or where
// several share it: a tie has no winner.
std::string best_of(Groups groups, const Column& column) {
    std::vector<double> known;
    for (const Group& group : groups)
        if (const Figure value = group.median_of(column.get))
            known.push_back(*value);
    if (known.size() < 2)
        return "";
    const auto [low, high] = std::minmax_element(known.begin(), known.end());
    const std::string best = text_of(column.better == Better::Higher ? *high : *low, column.digits);
    const auto as_good = std::count_if(known.begin(), known.end(), [&](double value) {
        return text_of(value, column.digits) == best;
    });
    return as_good == 1 ? best : "";
}

std::string table(Groups groups, const std::vector<std::size_t>& colours) {
    std::string html = "<div class=\"table\"><table><thead><tr><th></th>";
    std::vector<const Column*> columns;
    for (const Column& column : kColumns)
        if (std::any_of(groups.begin(), groups.end(),
                        [&](const Group& g) { return g.median_of(column.get).has_value(); }))
            columns.push_back(&column);
    for (const Column* column : columns)
        html += fmt::format("<th>{}</th>", column->title);
    html += "<th>runs</th></tr></thead>\n<tbody>\n";
    for (std::size_t i = 0; i < groups.size(); ++i) {
        html += fmt::format("<tr><th><span class=\"dot s{}\"></span>{}</th>", colours[i] % kColours,
                            escaped(groups[i].label));
        for (const Column* column : columns) {
            const std::string value = text_of(groups[i].median_of(column->get), column->digits);
            const bool best = value == best_of(groups, *column);
            html += fmt::format("<td{}>{}</td>", best ? " class=\"best\"" : "", value);
        }
        html += fmt::format("<td>{}</td></tr>\n", groups[i].recordings.size());
    }
    return html + "</tbody></table></div>\n";
}

std::string panel(const Group& group, std::size_t colour, const Scale& scale) {
    const Recording& shown = group.typical();
    std::string html = fmt::format(
        "<figure>\n<h3><span class=\"dot s{}\"></span>{}</h3>\n<p class=\"figures\"><b>{:.1f}</b> "
        "fps &ensp; <b>{:.1f}</b> 1 % low &ensp; <b>{:.1f}</b> ms p99</p>\n",
        colour % kColours, escaped(group.label), shown.frames.fps, shown.frames.low1_fps,
        shown.frames.p99_ms);
    if (shown.frame_ms.empty())
        html += "<p class=\"soft\">no frame times in the file</p>\n";
    else
        html += frame_time_plot(shown.frame_ms, scale, colour % kColours,
                                fmt::format("Frame times, {}, {}", group.scenario, group.label));
    if (group.recordings.size() > 1 && shown.seed)
        html += fmt::format("<figcaption>seed {}, the one in the middle of {}</figcaption>\n",
                            *shown.seed, group.recordings.size());
    return html + "</figure>\n";
}

std::string section(Groups groups, const std::vector<std::size_t>& colours) {
    std::vector<std::vector<double>> shown;
    std::vector<Curve> curves;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        shown.push_back(groups[i].typical().frame_ms);
        curves.push_back({groups[i].label, groups[i].all_frames(), colours[i] % kColours});
    }
    const Scale scale = Scale::around(shown);
    const std::string& scenario = groups.front().scenario;
    std::string html = fmt::format("<section>\n<h2>{}{}</h2>\n",
                                   scenario == kGameScenario ? "" : "The game beside: ",
                                   escaped(scenario == "alone" ? "nothing" : scenario));
    html += "<div class=\"panels\">\n";
    for (std::size_t i = 0; i < groups.size(); ++i)
        html += panel(groups[i], colours[i], scale);
    html += "</div>\n<figure class=\"single\">\n<h3>Frame time by percentile</h3>\n"
            "<p class=\"soft\">How long a frame took that so many per cent were faster than. Flat "
            "is smooth.</p>\n";
    html += "<p class=\"figures\">";
    for (const Curve& curve : curves)
        html += fmt::format("<span class=\"dot s{}\"></span>{} &ensp;", curve.colour,
                            escaped(curve.label));
    html += "</p>\n";
    html += percentile_plot(curves, "Frame time by percentile, " + scenario);
    html += "</figure>\n";
    return html + table(groups, colours) + "</section>\n";
}

std::string heading(std::span<const Recording> recordings) {
    std::string html = "<h1>Frame times</h1>\n";
    for (const std::string& machine : unique(recordings, &Recording::machine))
        html += fmt::format("<p class=\"soft\">{}</p>\n", escaped(machine));
    for (const std::string& note : unique(recordings, &Recording::note))
        html += fmt::format("<p class=\"note\">{}</p>\n", escaped(note));
    return html;
}

constexpr const char* kExplanation = R"(<section class="soft">
<h2>The figures</h2>
<p>fps: frames shown in a second. 1 % low: the rate of the slowest 1 % of the frames, which is what
stutter feels like. p50, p99: so many per cent of the frames were faster. Late audio: periods whose
sound was not ready in time, an audible click. Total work: what game and load got done together, in
millions of loop iterations a second. Tables have the median of the runs; the best is bold.</p>
)";

} // namespace

std::string to_html(const std::vector<Recording>& recordings) {
    const std::vector<Group> groups = group_recordings(recordings);
    // A label has one colour in the whole page.
    const std::vector<std::string> labels = unique(recordings, &Recording::label);
    std::string html =
        fmt::format("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"generator\" content=\"rustland-bench {}\">\n"
                    "<title>Frame times</title>\n<style>{}</style>\n</head>\n<body>\n",
                    kVersion, kStyle);
    html += heading(recordings);
    for (auto first = groups.begin(); first != groups.end();) {
        const auto last = std::find_if(
            first, groups.end(), [&](const Group& g) { return g.scenario != first->scenario; });
        std::vector<std::size_t> colours;
        for (auto group = first; group != last; ++group)
            colours.push_back(static_cast<std::size_t>(
                std::find(labels.begin(), labels.end(), group->label) - labels.begin()));
        html += section(Groups(&*first, static_cast<std::size_t>(last - first)), colours);
        first = last;
    }
    html += kExplanation;
    html += fmt::format("<p>Written by rustland-bench {}.</p>\n</section>\n<script>{}</script>\n"
                        "</body>\n</html>\n",
                        kVersion, kScript);
    return html;
}

} // namespace rustland::bench
