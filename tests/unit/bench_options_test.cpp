// SPDX-License-Identifier: GPL-2.0-only
#include "bench/draw.hpp"
#include "bench/options.hpp"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <regex>
#include <set>

using namespace rustland::bench;
using testing::HasSubstr;

namespace {

Command parse(std::vector<const char*> arguments, unsigned cpus = 4) {
    arguments.insert(arguments.begin(), "rustland-bench");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data(), cpus);
}

RunOptions run_options(std::vector<const char*> arguments, unsigned cpus = 4) {
    Command command = parse(std::move(arguments), cpus);
    EXPECT_TRUE(std::holds_alternative<RunOptions>(command));
    return std::holds_alternative<RunOptions>(command) ? std::get<RunOptions>(command)
                                                       : RunOptions{};
}

// The one line that a wrong command line is answered with.
std::string refusal(std::vector<const char*> arguments) {
    const Command command = parse(std::move(arguments));
    const auto* message = std::get_if<Message>(&command);
    if (message == nullptr)
        return "accepted";
    EXPECT_EQ(message->status, kExitUsage);
    EXPECT_EQ(std::count(message->text.begin(), message->text.end(), '\n'), 1);
    EXPECT_THAT(message->text, HasSubstr("--help"));
    return message->text;
}

} // namespace

TEST(BenchOptions, DefaultIsTheBuildWithTwiceAndFourTimesTheCpus) {
    const auto options = run_options({}, 6);
    EXPECT_EQ(options.scenarios, (std::vector<Scenario>{{.load = LoadKind::Build, .slots = 12},
                                                        {.load = LoadKind::Build, .slots = 24}}));
    EXPECT_DOUBLE_EQ(options.duration_s, 5);
    EXPECT_DOUBLE_EQ(options.warmup_s, 1);
    EXPECT_EQ(options.seed, 1U);
    EXPECT_EQ(options.iterations_per_ms, 0U);
    EXPECT_TRUE(options.vsync);
    EXPECT_FALSE(options.scheduler_comm.has_value());
}

TEST(BenchOptions, LoadAndSlotsMakeOneScenario) {
    EXPECT_EQ(run_options({"--load", "hog", "--slots", "3"}).scenarios,
              (std::vector<Scenario>{{.load = LoadKind::Hog, .slots = 3}}));
    EXPECT_EQ(run_options({"--load", "none"}).scenarios, (std::vector<Scenario>{{}}));
    EXPECT_EQ(run_options({"-l", "mixed"}, 1).scenarios,
              (std::vector<Scenario>{{.load = LoadKind::Mixed, .slots = 2},
                                     {.load = LoadKind::Mixed, .slots = 4}}));
}

TEST(BenchOptions, DefaultSlotsStayInRangeOnHugeMachines) {
    EXPECT_EQ(run_options({}, 512).scenarios[1].slots, kMaxSlots);
}

TEST(BenchOptions, ScenariosKeepTheirOrder) {
    EXPECT_EQ(run_options({"--scenario", "hog:8", "--scenario", "none", "--scenario", "build:16"})
                  .scenarios,
              (std::vector<Scenario>{{.load = LoadKind::Hog, .slots = 8},
                                     {},
                                     {.load = LoadKind::Build, .slots = 16}}));
}

TEST(BenchOptions, CellsAreNamedOrDrawn) {
    const auto named = run_options({"--cell", "heavy/compile:8", "--cell", "light/hog:4@cgroups"});
    ASSERT_EQ(named.scenarios.size(), 2U);
    EXPECT_EQ(named.scenarios[1].cell, *parse_cell("light/hog:4@cgroups"));
    EXPECT_TRUE(named.compositor);
    EXPECT_FALSE(run_options({"--no-compositor"}).compositor);

    const auto drawn = run_options({"--draw", "4294967295", "--cells", "3"});
    const auto cells = draw_cells(4294967295, 4);
    ASSERT_EQ(drawn.scenarios.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_EQ(drawn.scenarios[i].cell, cells[i]);
    // It can be repeated by naming what is printed.
    EXPECT_EQ(run_options({"--cell", to_string(cells[0]).c_str()}).scenarios[0],
              drawn.scenarios[0]);
}

TEST(BenchOptions, ListsDrawnCellsForAnyMachine) {
    const Command command = parse({"--draw", "7", "--cells", "40", "--cpus", "8", "--list"}, 2);
    const auto* options = std::get_if<ListOptions>(&command);
    ASSERT_NE(options, nullptr);
    EXPECT_EQ(options->cells, draw_cells(7, 8));
    EXPECT_EQ(options->cpus, 8U);
    EXPECT_THAT(refusal({"--list"}), HasSubstr("--draw"));
    EXPECT_THAT(refusal({"--draw", "-1"}), HasSubstr("--draw"));
    EXPECT_THAT(refusal({"--draw", "1", "--cells", "41"}), HasSubstr("--cells"));
    EXPECT_THAT(refusal({"--cell", "heavy"}), HasSubstr("heavy/compile:8"));
}

TEST(BenchOptions, SchedulerCommIsANameOrNone) {
    EXPECT_EQ(run_options({"--scheduler-comm", "scx_rustland"}).scheduler_comm, "scx_rustland");
    EXPECT_EQ(run_options({"--scheduler-comm", "-"}).scheduler_comm, "");
}

TEST(BenchOptions, ReadsTheRest) {
    const auto options = run_options(
        {"-d", "2.5", "--warmup", "0", "--seed", "7", "--iterations-per-ms", "31250", "--no-vsync",
         "--label", "EEVDF", "--json", "-o", "x.json", "--frames", "--game-hook", "true"});
    EXPECT_DOUBLE_EQ(options.duration_s, 2.5);
    EXPECT_DOUBLE_EQ(options.warmup_s, 0);
    EXPECT_EQ(options.seed, 7U);
    EXPECT_EQ(options.iterations_per_ms, 31250U);
    EXPECT_FALSE(options.vsync);
    EXPECT_EQ(options.label, "EEVDF");
    EXPECT_TRUE(options.json);
    EXPECT_EQ(options.output, "x.json");
    EXPECT_TRUE(options.keep_frames);
    EXPECT_EQ(options.game_hook, "true");
}

TEST(BenchOptions, NumbersAreDecimalAndWhole) {
    EXPECT_EQ(run_options({"--seed", "010"}).seed, 10U);
    EXPECT_EQ(run_options({"-l", "hog", "-n", "010"}).scenarios[0].slots, 10U);
    EXPECT_EQ(run_options({"--iterations-per-ms", "031250"}).iterations_per_ms, 31250U);
    for (const char* option : {"--duration", "--warmup", "--seed", "--draw", "--cells", "--cpus",
                               "--iterations-per-ms", "--slots"})
        for (const char* bad : {"0,5", "1,000", "1_0", "0x10", "+5", " 5", "5 ", "", "1e"})
            EXPECT_THAT(refusal({option, bad}), HasSubstr(option)) << bad;
}

TEST(BenchOptions, RefusesBadInputInOneLineThatNamesTheOption) {
    EXPECT_THAT(refusal({"--duration", "abc"}), HasSubstr("--duration"));
    EXPECT_THAT(refusal({"--duration", "0"}), HasSubstr("--duration"));
    EXPECT_THAT(refusal({"--duration", "nan"}), HasSubstr("--duration"));
    EXPECT_THAT(refusal({"--slots", "0"}), HasSubstr("--slots"));
    EXPECT_THAT(refusal({"--slots", "-1"}), HasSubstr("--slots"));
    EXPECT_THAT(refusal({"--slots", "8x"}), HasSubstr("--slots"));
    EXPECT_THAT(refusal({"--seed", "-1"}), HasSubstr("--seed"));
    EXPECT_THAT(refusal({"--iterations-per-ms", "0"}), HasSubstr("--iterations-per-ms"));
    EXPECT_THAT(refusal({"--load", "x"}), HasSubstr("build, hog, mixed or none"));
    EXPECT_THAT(refusal({"--load", "none", "--slots", "4"}), HasSubstr("no slots"));
    EXPECT_THAT(refusal({"--scenario", "build"}), HasSubstr("build:8"));
    EXPECT_THAT(refusal({"--load", "hog", "--scenario", "hog:8"}), HasSubstr("excludes"));
    EXPECT_THAT(refusal({"--json", "--csv"}), HasSubstr("excludes"));
    EXPECT_THAT(refusal({"--nonsense"}), HasSubstr("--nonsense"));
    EXPECT_THAT(refusal({"stray"}), HasSubstr("stray"));
    EXPECT_THAT(refusal({"--compare"}), HasSubstr("--compare"));
    EXPECT_THAT(refusal({"--markdown"}), HasSubstr("--compare"));
    EXPECT_THAT(refusal({"--compare", "a", "--json"}), HasSubstr("--compare"));
    EXPECT_THAT(refusal({"--compare", "a", "--csv", "--markdown"}), HasSubstr("--markdown"));
}

TEST(BenchOptions, CompareTakesFilesAndAStyle) {
    const Command command = parse({"--compare", "a.json", "b.json", "--markdown"});
    const auto* options = std::get_if<CompareOptions>(&command);
    ASSERT_NE(options, nullptr);
    EXPECT_EQ(options->files, (std::vector<std::string>{"a.json", "b.json"}));
    EXPECT_TRUE(options->markdown);
    EXPECT_FALSE(options->csv);
}

TEST(BenchOptions, ReportIsOfARunOrOfFiles) {
    const auto run = run_options({"--report", "page.html"});
    EXPECT_EQ(run.page, "page.html");
    EXPECT_TRUE(run.keep_frames);
    const Command command = parse({"--report", "page.html", "a.json", "b.csv"});
    const auto* options = std::get_if<PageOptions>(&command);
    ASSERT_NE(options, nullptr);
    EXPECT_EQ(options->page, "page.html");
    EXPECT_EQ(options->files, (std::vector<std::string>{"a.json", "b.csv"}));
    EXPECT_THAT(refusal({"--report"}), HasSubstr("--report"));
    EXPECT_THAT(refusal({"--report", "x", "--compare", "a"}), HasSubstr("--compare"));
}

TEST(BenchOptions, HelpAndVersionAreNoErrors) {
    for (const char* option : {"--help", "-h", "--version", "-V"}) {
        const Command command = parse({option});
        const auto* message = std::get_if<Message>(&command);
        ASSERT_NE(message, nullptr) << option;
        EXPECT_EQ(message->status, kExitOk);
        EXPECT_THAT(
            message->text,
            HasSubstr(option[1] == 'V' || option[2] == 'v' ? "rustland-bench 0" : "Exit status"));
    }
}

TEST(BenchOptions, ManualAndHelpNameTheSameOptions) {
    const Command command = parse({"--help"});
    const std::string help = std::get<Message>(command).text;
    std::ifstream page(RUSTLAND_MAN_DIR "/rustland-bench.1");
    const std::string manual{std::istreambuf_iterator<char>(page), {}};
    ASSERT_FALSE(manual.empty());

    // Lines of the help that begin with an option; paragraphs of the manual that explain one.
    const auto names = [](const std::string& text, const char* pattern) {
        std::set<std::string> found;
        const std::regex expression(pattern, std::regex::multiline);
        for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it)
            found.insert((*it)[1]);
        return found;
    };
    const auto in_help = names(help, R"(^ {2,10}(?:-\w, *)?--([a-z-]+))");
    EXPECT_GT(in_help.size(), 15U);
    EXPECT_EQ(in_help, names(manual, R"(^\.It .*Fl -([a-z-]+))"));
}
