// SPDX-License-Identifier: GPL-2.0-only
#include "bench/compare.hpp"
#include "bench/metrics.hpp"
#include "bench/report.hpp"
#include "bench/text_table.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <sstream>

using namespace rustland::bench;
using testing::HasSubstr;
using testing::Not;

namespace {

Run make_run(const std::string& label, std::uint64_t seed, Scenario scenario, double fps,
             double late_percent = 0, double total = 100e6) {
    Run run;
    run.label = label;
    run.seed = seed;
    run.scenario = scenario;
    run.frames = {.count = 300,
                  .fps = fps,
                  .low1_fps = fps / 2,
                  .p50_ms = 1000 / fps,
                  .p99_ms = 2000 / fps,
                  .max_ms = 3000 / fps};
    run.audio = {.periods = 900,
                 .late = static_cast<std::size_t>(9 * late_percent),
                 .late_percent = late_percent,
                 .p99_late_ms = late_percent / 10,
                 .max_late_ms = late_percent};
    run.load = {.seconds = 5,
                .jobs = 100,
                .failed_jobs = 0,
                .jobs_per_s = 20,
                .load_per_s = total - 1e6,
                .game_per_s = 1e6,
                .total_per_s = total};
    run.scheduler = {.ops = label == "EEVDF" ? "" : label,
                     .comm = label == "EEVDF" ? "" : label,
                     .pid = 42,
                     .cpu_percent = 2.5,
                     .cpu_seconds = 0.125,
                     .rss_mib = 7.5,
                     .peak_rss_mib = 8.5,
                     .decisions_per_s = std::nullopt,
                     .decided_percent = std::nullopt,
                     .cpu_us_per_decision = std::nullopt,
                     .changed = false};
    run.switches = {1, 2, 3000};
    return run;
}

Report make_report(std::vector<Run> runs) {
    return {.kernel = "6.18.15",
            .cpus = 4,
            .iterations_per_ms = 31250,
            .duration_s = 5,
            .warmup_s = 1,
            .vsync = true,
            .runs = std::move(runs)};
}

constexpr Scenario kBuild8{.load = LoadKind::Build, .slots = 8};
constexpr Scenario kHog8{.load = LoadKind::Hog, .slots = 8};

std::vector<std::string> words(const std::string& line) {
    std::istringstream in(line);
    return {std::istream_iterator<std::string>(in), {}};
}

// The words of the first line in `text` that contains all of `parts`.
std::vector<std::string> line_with(const std::string& text, std::vector<std::string> parts) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
                return line.find(part) != std::string::npos;
            }))
            return words(line);
    return {};
}

} // namespace

TEST(Json, SurvivesWritingAndReading) {
    auto run = make_run("rustland", 3, kBuild8, 48.5, 1.5);
    run.frame_ms = {16.5, 33.25};
    run.scheduler.changed = true;
    run.scheduler.decided_percent = 99.5;
    const Report before = make_report({run, make_run("rustland", 3, {}, 60)});
    const auto after = from_json(to_json(before));
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(after->kernel, before.kernel);
    EXPECT_EQ(after->iterations_per_ms, before.iterations_per_ms);
    ASSERT_EQ(after->runs.size(), 2U);
    const auto& read = after->runs[0];
    EXPECT_EQ(read.label, "rustland");
    EXPECT_EQ(read.seed, 3U);
    EXPECT_EQ(read.scenario, kBuild8);
    EXPECT_EQ(read.frame_ms, run.frame_ms);
    EXPECT_TRUE(read.scheduler.changed);
    for (const Metric& m : metrics())
        EXPECT_EQ(m.value(read), m.value(run)) << m.key;
    // Everything else comes back too: writing it again gives the same text.
    EXPECT_EQ(to_json(*after), to_json(before));
    EXPECT_EQ(after->runs[1].scenario, Scenario{});
}

TEST(Json, HoldsEveryParameterOfACell) {
    Scenario scenario;
    scenario.cell = *parse_cell("heavy,main=3.25/compile:8@app-slice");
    const auto after = from_json(to_json(make_report({make_run("told", 1, scenario, 60)})));
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(after->runs[0].scenario, scenario);
    const std::string text = cells_to_json({*scenario.cell}, 4);
    EXPECT_THAT(text, HasSubstr(R"("equal_share_fps": 60.0)"));
    EXPECT_THAT(text, HasSubstr(R"("short": "heavy/compile:8@app-slice")"));
    EXPECT_EQ(cells_to_text({*scenario.cell}), to_string(*scenario.cell) + "\n");
    EXPECT_FALSE(
        from_json(R"({"program":"rustland-bench","schema":1,"machine":{"kernel":"x",)"
                  R"("cpus":4},"config":{"iterations_per_ms":1,"duration_s":1,"warmup_s":1,)"
                  R"("vsync":true},"runs":[{"label":"x","seed":1,"scenario":{"cell":)"
                  R"({"name":"heavy/hog:0"}}}]})"));
}

TEST(Json, RefusesWhatIsNotAResult) {
    for (const char* text : {"", "{", "[]", "{}", "3", R"({"program":"rustland-bench"})",
                             R"({"program":"rustland-bench","schema":1})",
                             R"({"program":"rustland-bench","schema":1,"machine":{"kernel":1}})"}) {
        const auto report = from_json(text);
        ASSERT_FALSE(report) << text;
        EXPECT_FALSE(report.error().message().empty());
    }
    EXPECT_THAT(from_json(R"({"program":"rustland-bench","schema":99})").error().message(),
                HasSubstr("schema 99"));
    EXPECT_THAT(from_json(R"({"program":"fio"})").error().message(),
                HasSubstr("not a result of rustland-bench"));
}

TEST(Metrics, HaveDistinctKeysAndTitles) {
    std::set<std::string_view> keys;
    std::set<std::string_view> titles;
    for (const Metric& m : metrics()) {
        EXPECT_TRUE(keys.insert(m.key).second) << m.key;
        EXPECT_TRUE(titles.insert(m.title).second) << m.title;
    }
}

TEST(Csv, HasAColumnForEachMetricAndQuotesLabels) {
    const auto text = to_csv(make_report({make_run("with, \"comma\"", 1, kHog8, 50)}));
    std::istringstream in(text);
    std::string header;
    std::string row;
    std::getline(in, header);
    std::getline(in, row);
    EXPECT_EQ(std::count(header.begin(), header.end(), ','),
              static_cast<std::ptrdiff_t>(metrics().size()) + 4);
    EXPECT_THAT(row, HasSubstr("hog x8,\"with, \"\"comma\"\"\",1,6.18.15,4,50,"));
}

TEST(Table, AlignsTextLeftAndNumbersRight) {
    EXPECT_EQ(aligned({{"name", "n"}, {"a", "100"}, {"longer", "1"}}, 1), "name      n\n"
                                                                          "a       100\n"
                                                                          "longer    1\n");
    EXPECT_EQ(markdown({{"name", "n"}, {"a", "1"}}, 1), "| name | n |\n|---|--:|\n| a | 1 |\n");
}

TEST(Table, FitsATerminalUnlessItIsToBeWide) {
    Scenario cell;
    cell.cell = *parse_cell("heavy,main=3.25/compile:16@app-slice");
    const Report report = make_report({make_run("EEVDF", 1, kBuild8, 144.5, 100, 1e10),
                                       make_run("rustland", 12, cell, 1000, 12.25)});
    const std::string table = to_table(report, TableWidth::Brief);
    EXPECT_EQ(words(table.substr(0, table.find('\n'))),
              (std::vector<std::string>{"scenario", "scheduler", "seed", "fps", "1%", "low", "late",
                                        "%"}));
    for (const std::string& text :
         {table, compare({report}, TableStyle::Text, TableWidth::Brief)}) {
        std::istringstream in(text.substr(0, text.find("\n\n")));
        for (std::string line; std::getline(in, line);)
            EXPECT_LE(line.size(), 80U) << line;
    }
    EXPECT_THAT(to_table(report, TableWidth::Wide), HasSubstr("total Mit/s"));
    EXPECT_THAT(to_table(report, TableWidth::Wide), HasSubstr("main=3.25"));
}

TEST(Compare, GroupsSeedsAndKeepsTheOrderOfAppearance) {
    const std::vector<Report> reports{
        make_report({make_run("EEVDF", 1, kBuild8, 40), make_run("EEVDF", 1, kHog8, 44)}),
        make_report({make_run("rustland", 1, kHog8, 60), make_run("rustland", 1, kBuild8, 55)}),
        make_report({make_run("EEVDF", 2, kBuild8, 42)}),
    };
    const auto groups = group_runs(reports);
    ASSERT_EQ(groups.size(), 4U);
    EXPECT_EQ(groups[0].scenario, kBuild8);
    EXPECT_EQ(groups[0].label, "EEVDF");
    EXPECT_EQ(groups[0].runs.size(), 2U);
    EXPECT_EQ(groups[1].label, "rustland");
    EXPECT_EQ(groups[2].scenario, kHog8);
    EXPECT_EQ(groups[2].label, "EEVDF");
}

TEST(Compare, MedianAndWorstGoTheRightWay) {
    const std::vector<Report> reports{
        make_report({make_run("EEVDF", 1, kBuild8, 40, 2), make_run("EEVDF", 2, kBuild8, 30, 9),
                     make_run("EEVDF", 3, kBuild8, 50, 1)})};
    const auto groups = group_runs(reports);
    ASSERT_EQ(groups.size(), 1U);
    EXPECT_EQ(groups[0].median_of(metric("fps")), 40);
    EXPECT_EQ(groups[0].worst_of(metric("fps")), 30);
    EXPECT_EQ(groups[0].median_of(metric("audio_late_percent")), 2);
    EXPECT_EQ(groups[0].worst_of(metric("audio_late_percent")), 9);
}

TEST(Compare, LeavesOutWhatIsNotKnown) {
    auto known = make_run("rustland", 1, kBuild8, 50);
    known.scheduler.decided_percent = 97;
    const std::vector<Report> reports{make_report(
        {make_run("EEVDF", 1, kBuild8, 40), known, make_run("rustland", 2, kBuild8, 55)})};
    const auto groups = group_runs(reports);
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].median_of(metric("decided_percent")), std::nullopt);
    EXPECT_EQ(groups[0].worst_of(metric("scheduler_rss_mib")), std::nullopt);
    EXPECT_EQ(groups[1].median_of(metric("decided_percent")), 97); // of the one that is known
    EXPECT_EQ(groups[1].worst_of(metric("scheduler_rss_mib")), 7.5);
    EXPECT_EQ(line_with(compare(reports, TableStyle::Text, TableWidth::Wide), {"build x8", "EEVDF"})
                  .back(),
              "-");
}

TEST(Compare, KeepsFaultsApart) {
    Scenario killed = kBuild8;
    killed.fault = Fault::Kill;
    auto run = make_run("rustland", 1, killed, 50);
    run.scheduler.changed = true;
    const auto text = compare({make_report({make_run("rustland", 1, kBuild8, 60), run})},
                              TableStyle::Text, TableWidth::Wide);
    EXPECT_FALSE(line_with(text, {"build x8 kill", "50.0"}).empty());
    EXPECT_THAT(text, Not(HasSubstr("Note:"))); // it is what was asked for
}

TEST(Compare, PrintsRatiosToTheFirstLabelOfTheScenario) {
    const std::vector<Report> reports{make_report({make_run("EEVDF", 1, kBuild8, 40, 0, 100e6),
                                                   make_run("EEVDF", 1, kHog8, 20, 0, 120e6)}),
                                      make_report({make_run("rustland", 1, kBuild8, 60, 0.5, 90e6),
                                                   make_run("rustland", 1, kHog8, 50, 0, 120e6)})};
    const auto text = compare(reports, TableStyle::Text, TableWidth::Wide);
    const auto build = line_with(text, {"build x8", "rustland"});
    ASSERT_GE(build.size(), 6U);
    EXPECT_EQ(build[4], "60.0");
    EXPECT_EQ(build[5], "1.50x");
    EXPECT_EQ(line_with(text, {"hog x8", "rustland"})[5], "2.50x");
    EXPECT_EQ(line_with(text, {"hog x8", "EEVDF"})[5], "1.00x");
    EXPECT_THAT(text, Not(HasSubstr("Worst seed"))); // one seed each
    EXPECT_THAT(text, HasSubstr("rustland against EEVDF over 2 scenarios: mean fps 55.0 against "
                                "30.0 (1.83x, lowest 1.50x in build x8); total work 0.95x (lowest "
                                "0.90x in build x8); audio late at most 0.50 %."));
    EXPECT_THAT(text, Not(HasSubstr("Note:")));
}

TEST(Compare, ShowsTheWorstSeedsWhereThereAreSeveral) {
    const std::vector<Report> reports{
        make_report({make_run("EEVDF", 1, kBuild8, 40), make_run("EEVDF", 2, kBuild8, 20)})};
    const auto text = compare(reports, TableStyle::Text, TableWidth::Wide);
    const auto worst = text.substr(text.find("Worst seed"));
    EXPECT_EQ(line_with(worst, {"build x8", "EEVDF"})[4], "20.0");
    EXPECT_EQ(line_with(text, {"build x8", "EEVDF"})[4], "30.0");
}

TEST(Compare, SaysWhenResultsDoNotCompare) {
    Report other = make_report({make_run("rustland", 1, kBuild8, 60)});
    other.kernel = "7.3.4";
    other.iterations_per_ms = 1;
    other.runs[0].scheduler.changed = true;
    const auto text = compare({make_report({make_run("EEVDF", 1, kBuild8, 40)}), other},
                              TableStyle::Text, TableWidth::Wide);
    EXPECT_THAT(text, HasSubstr("differ in the kernel"));
    EXPECT_THAT(text, HasSubstr("--iterations-per-ms"));
    EXPECT_THAT(text, HasSubstr("during build x8 (rustland, seed 1) the scheduler changed"));
}

TEST(Compare, WithoutACommonScenarioSaysSo) {
    const auto text = compare({make_report({make_run("EEVDF", 1, kBuild8, 40)}),
                               make_report({make_run("rustland", 1, kHog8, 60)})},
                              TableStyle::Text, TableWidth::Wide);
    EXPECT_THAT(text, HasSubstr("rustland and EEVDF have no scenario in common."));
}

TEST(Compare, WritesMarkdownAndCsv) {
    const std::vector<Report> reports{make_report({make_run("EEVDF", 1, kBuild8, 40)})};
    EXPECT_THAT(compare(reports, TableStyle::Markdown, TableWidth::Wide),
                HasSubstr("| build x8 | EEVDF | 1 | 40.0 |"));
    EXPECT_THAT(compare(reports, TableStyle::Csv, TableWidth::Wide),
                HasSubstr("build x8,EEVDF,1,40,40,"));
}

TEST(Compare, OfNothingSaysSo) {
    EXPECT_EQ(compare({make_report({})}, TableStyle::Text, TableWidth::Wide),
              "The results hold no runs.\n");
}
