// SPDX-License-Identifier: GPL-2.0-only
#include "bench/html/mangohud.hpp"
#include "bench/html/page.hpp"
#include "bench/html/plot.hpp"
#include "bench/html/recording.hpp"

#include "support/temp_dir.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland::bench;
using rustland::test::TempDir;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

// As MangoHud 0.7 writes it with log_versioning, every frame.
const std::string kLog = "v1\n0.7.0\n"
                         "---------------------SYSTEM INFO---------------------\n"
                         "os,cpu,gpu,ram,kernel,driver,cpuscheduler\n"
                         "Debian,Ryzen 7,RX 7900,32000000,6.18.15,Mesa 25,performance\n"
                         "--------------------FRAME METRICS--------------------\n"
                         "fps,frametime,cpu_load,elapsed\n"
                         "60,16.6667,40,16666700\n"
                         "30,33.3333,41,50000000\n"
                         "60,16.6667,40,66666700\n";

std::string refusal(const std::string& text) {
    const auto log = parse_mangohud(text, "game.csv");
    return log ? "accepted" : log.error().message();
}

Run make_run(const std::string& label, std::uint64_t seed, double fps, bool with_frames = true) {
    Run run;
    run.label = label;
    run.seed = seed;
    run.scenario = {.load = LoadKind::Build, .slots = 8, .fault = Fault::None};
    run.frames = {
        .count = 3, .fps = fps, .low1_fps = fps / 2, .p50_ms = 1, .p99_ms = 2, .max_ms = 3};
    run.load.total_per_s = 90e6;
    if (with_frames)
        run.frame_ms = {1000 / fps, 2000 / fps, 1000 / fps};
    return run;
}

std::string result_of(std::vector<Run> runs) {
    return to_json({.kernel = "6.18.15",
                    .cpus = 4,
                    .iterations_per_ms = 1000,
                    .duration_s = 5,
                    .warmup_s = 1,
                    .vsync = true,
                    .runs = std::move(runs)});
}

std::vector<Recording> recordings_of(std::vector<Run> runs) {
    auto recordings = recordings_from(result_of(std::move(runs)), "x.json");
    EXPECT_TRUE(recordings);
    return recordings ? *std::move(recordings) : std::vector<Recording>{};
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

} // namespace

TEST(MangoHud, ReadsFrameTimesAndTheMachine) {
    const auto log = parse_mangohud(kLog, "game.csv");
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_THAT(log->frame_ms, ElementsAre(16.6667, 33.3333, 16.6667));
    EXPECT_EQ(log->machine, "6.18.15, Ryzen 7");
    EXPECT_DOUBLE_EQ(log->one_in, 1);
}

TEST(MangoHud, ReadsMicrosecondsOfOlderOnesAndWindowsLineEnds) {
    const auto log = parse_mangohud("os,cpu\r\nDebian,Ryzen\r\nfps,frametime,cpu_load\r\n"
                                    "100,10000,1\r\n50.5,20000,1\r\n",
                                    "game.csv");
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_THAT(log->frame_ms, ElementsAre(10, 20));
    EXPECT_EQ(log->machine, "Ryzen");
}

TEST(MangoHud, SaysWhenFramesAreMissing) {
    // One line each 100 ms of a game with 100 frames a second.
    std::string text = "fps,frametime,elapsed\n";
    for (int i = 1; i <= 20; ++i)
        text += "100,10," + std::to_string(i) + "00000000\n";
    const auto log = parse_mangohud(text, "game.csv");
    ASSERT_TRUE(log);
    EXPECT_THAT(log->one_in, DoubleNear(10, 0.01));
    const auto recordings = recordings_from(text, "game.csv");
    ASSERT_TRUE(recordings);
    EXPECT_THAT(recordings->front().note, HasSubstr("one frame in about 10"));
}

TEST(MangoHud, RefusesWithFileAndLine) {
    EXPECT_THAT(refusal(""), HasSubstr("game.csv: neither"));
    EXPECT_THAT(refusal("a,b\n1,2\n"), HasSubstr("fps,frametime"));
    EXPECT_THAT(refusal("os\nx\nfps,frametime\n"), HasSubstr("no frames"));
    EXPECT_THAT(refusal("os\nx\nfps,cpu_load\n60,1\n"),
                HasSubstr("game.csv:3: the log has no col"));
    EXPECT_THAT(refusal("os\nx\nfps,frametime\n60,16.6\n60,abc\n"),
                HasSubstr("game.csv:5: 'abc' is not a number"));
    EXPECT_THAT(refusal("fps,frametime\n60,\n"), HasSubstr("game.csv:2: ''"));
    EXPECT_THAT(refusal("fps,frametime\n60,-1\n"), HasSubstr("game.csv:2: '-1'"));
    EXPECT_THAT(refusal("fps,frametime\n60,nan\n"), HasSubstr("game.csv:2: 'nan'"));
    EXPECT_THAT(refusal("fps,frametime\n60,inf\n"), HasSubstr("game.csv:2: 'inf'"));
    EXPECT_THAT(refusal("fps,frametime\n60,1e999\n"), HasSubstr("game.csv:2: '1e999'"));
    EXPECT_THAT(refusal("fps,frametime\n60,16.6\n60\n"), HasSubstr("game.csv:3: "));
    EXPECT_THAT(refusal("fps,frametime\n60,16.6,7\n"), HasSubstr("game.csv:2: "));
    EXPECT_THAT(refusal("fps,frametime,frametime\n60,16.6,7\n"), HasSubstr("game.csv"));
    EXPECT_THAT(refusal("fps,frametime\n60,7\n60,7\n"), HasSubstr("do not belong together"));
}

TEST(MangoHud, LeavesARowOutThatWasCutOff) {
    for (const char* cut : {"61.5,16", "61.5,16.2,4", "61.5", "61.5,16.2,48000000"}) {
        const auto recordings = recordings_from(
            std::string("fps,frametime,elapsed\n60,16.6,16600000\n60,16.6,33200000\n") + cut,
            "game.csv");
        ASSERT_TRUE(recordings) << cut << ": " << recordings.error().message();
        EXPECT_THAT(recordings->front().frame_ms, ElementsAre(16.6, 16.6)) << cut;
        EXPECT_THAT(recordings->front().note, HasSubstr("cut off")) << cut;
    }
    // A machine that lost its power leaves a file that goes on with nothing.
    const auto log =
        parse_mangohud("fps,frametime\n60,16.6\n60,1" + std::string(100, '\0'), "game.csv");
    ASSERT_TRUE(log) << log.error().message();
    EXPECT_EQ(log->frame_ms.size(), 1U);
    EXPECT_TRUE(log->cut_off);
    EXPECT_FALSE(parse_mangohud(kLog, "game.csv")->cut_off);
    EXPECT_THAT(refusal("fps,frametime\n60,16.6\n60\n60,16.6\n6"), HasSubstr("game.csv:3: "))
        << "only the last row is let off";
}

TEST(MangoHud, KnowsItsSummaries) {
    const std::string summary = "0.1% Min FPS,1% Min FPS,97% Percentile FPS,Average FPS,GPU Load\n"
                                "41.2,55.0,140.1,118.3,97.0\n";
    EXPECT_TRUE(is_mangohud_summary(summary));
    EXPECT_TRUE(is_mangohud_summary("\xEF\xBB\xBF" + summary));
    EXPECT_FALSE(is_mangohud_summary(kLog));
    EXPECT_THAT(refusal(summary), HasSubstr("game.csv: a summary of MangoHud"));
    const TempDir folder;
    folder.write("a.csv", kLog);
    folder.write("a_summary.csv", summary);
    folder.write("b.csv", "nonsense\n");
    const FilesRead read = read_recordings({folder.path("a.csv"), folder.path("a_summary.csv"),
                                            folder.path("b.csv"), folder.path("gone.csv")});
    EXPECT_EQ(read.recordings.size(), 1U);
    ASSERT_EQ(read.left_out.size(), 2U);
    EXPECT_THAT(read.left_out[0].message(), HasSubstr("b.csv: neither"));
    EXPECT_THAT(read.left_out[1].message(), HasSubstr("gone.csv"));
    EXPECT_EQ(read_recordings({folder.path("a_summary.csv")}).left_out.size(), 1U);
}

TEST(Recordings, TakeFramesAndFiguresFromAResult) {
    const auto recordings = recordings_of({make_run("EEVDF", 7, 50)});
    ASSERT_EQ(recordings.size(), 1U);
    EXPECT_EQ(recordings[0].scenario, "build x8");
    EXPECT_EQ(recordings[0].label, "EEVDF");
    EXPECT_EQ(recordings[0].seed, 7U);
    EXPECT_THAT(recordings[0].frame_ms, ElementsAre(20, 40, 20));
    EXPECT_EQ(recordings[0].total_miter_per_s, 90);
    EXPECT_EQ(recordings[0].note, "");
    EXPECT_THAT(recordings_of({make_run("EEVDF", 7, 50, false)})[0].note, HasSubstr("--frames"));
}

TEST(Recordings, TellABadResultFromALog) {
    EXPECT_THAT(recordings_from("{}", "x.json").error().message(),
                HasSubstr("x.json: not a result of rustland-bench"));
    EXPECT_THAT(recordings_from("[]", "x.json").error().message(), HasSubstr("x.json: neither"));
}

TEST(Recordings, OfTwoLogsWithOneNameStayApart) {
    std::vector<Recording> all;
    for (const char* path : {"a/game.csv", "b/game.csv"})
        add_recordings(all, *recordings_from(kLog, path), path);
    EXPECT_EQ(all[0].label, "game");
    EXPECT_EQ(all[1].label, "b/game.csv");
}

TEST(Recordings, OfOneLabelAreOneGroupWithTheMiddleOneShown) {
    const auto recordings = recordings_of({make_run("EEVDF", 1, 30), make_run("rustland", 1, 60),
                                           make_run("EEVDF", 2, 50), make_run("EEVDF", 3, 40)});
    const auto groups = group_recordings(recordings);
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].label, "EEVDF");
    EXPECT_EQ(groups[0].recordings.size(), 3U);
    EXPECT_EQ(groups[0].typical().seed, 3U);
    EXPECT_EQ(groups[0].median_of([](const Recording& r) { return Figure(r.frames.fps); }), 40);
    EXPECT_EQ(groups[0].median_of([](const Recording&) { return Figure(); }), std::nullopt);
    EXPECT_EQ(groups[0].all_frames().size(), 9U);
}

TEST(Plot, TicksAreRoundAndReachTheTop) {
    EXPECT_THAT(round_ticks(100, 5), ElementsAre(0, 20, 40, 60, 80, 100));
    EXPECT_THAT(round_ticks(21, 5), ElementsAre(0, 5, 10, 15, 20));
    EXPECT_THAT(round_ticks(0.9, 5), ElementsAre(0, DoubleNear(0.2, 1e-9), DoubleNear(0.4, 1e-9),
                                                 DoubleNear(0.6, 1e-9), DoubleNear(0.8, 1e-9)));
}

TEST(Plot, ThinningKeepsTheLongestAndTheShortest) {
    std::vector<double> frames(100'000, 10);
    frames[33'333] = 500;
    frames[77'777] = 1;
    const auto points = thinned(frames, 300);
    EXPECT_LE(points.size(), 2 * 301U);
    const auto [low, high] = std::minmax_element(
        points.begin(), points.end(), [](const Point& a, const Point& b) { return a.ms < b.ms; });
    EXPECT_EQ(high->ms, 500);
    EXPECT_EQ(low->ms, 1);
    EXPECT_THAT(high->seconds, DoubleNear(333.83, 0.01));
    for (std::size_t i = 1; i < points.size(); ++i)
        EXPECT_LT(points[i - 1].seconds, points[i].seconds);
    EXPECT_EQ(thinned(std::vector<double>{1, 2, 3}, 300).size(), 3U);
}

TEST(Plot, FrameTimesLieWhereTheScaleSays) {
    const std::vector<double> frames{25, 50, 25};
    const std::string svg = frame_time_plot(frames, {.seconds = 0.1, .ms = 50}, 1, "t");
    // Left 34, width 378; top 12, height 174.
    EXPECT_THAT(svg, HasSubstr("points=\"128.5,99.0 317.5,12.0 412.0,99.0 \""));
    EXPECT_THAT(svg, HasSubstr("class=\"line s1\""));
    EXPECT_THAT(svg, HasSubstr(">30 fps<"));
}

TEST(Plot, PercentilesEndWithTheSlowestFrame) {
    std::vector<double> frames(999, 10);
    frames.push_back(100);
    const std::string svg = percentile_plot({{"x", frames, 0}}, "t");
    EXPECT_THAT(svg, HasSubstr(">99.9 %<"));
    EXPECT_THAT(svg, Not(HasSubstr(">99.99 %<")));
    // The one of a thousand begins at 99.9 %; its height is 100 of 105.
    EXPECT_THAT(svg, HasSubstr(" 399.8,169.4 399.8,20.3 412.0,20.3\""));
}

TEST(Page, StandsAlone) {
    const std::string page = to_html(recordings_of({make_run("EEVDF", 1, 40)}));
    for (const char* outside : {"https:", "src=", "@import", "url(", "<link"})
        EXPECT_EQ(count(page, outside), 0U) << outside;
    // The name of a vocabulary, which nothing is fetched from.
    EXPECT_EQ(count(page, "http:"), count(page, "http://www.w3.org/2000/svg"));
    EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
    EXPECT_THAT(page, HasSubstr("name=\"viewport\""));
}

TEST(Page, ShowsEachSchedulerBesideTheOthers) {
    const std::string page = to_html(recordings_of(
        {make_run("EEVDF", 1, 40), make_run("rustland", 1, 60), make_run("rustland", 2, 58)}));
    EXPECT_EQ(count(page, "data-seconds=\""), 2U);
    EXPECT_EQ(count(page, "<svg"), 3U); // and the percentiles
    EXPECT_THAT(page, HasSubstr("The game beside: build x8"));
    EXPECT_THAT(page, HasSubstr("Linux 6.18.15, 4 CPUs, 5 s measured"));
    EXPECT_THAT(page, HasSubstr("seed 2, the one in the middle of 2"));
    EXPECT_THAT(page, HasSubstr("<td class=\"best\">59.0</td>"));
    EXPECT_THAT(page, HasSubstr("<td>40.0</td>"));
}

TEST(Page, ATieHasNoWinner) {
    const std::string page = to_html(recordings_of(
        {make_run("EEVDF", 1, 59.98), make_run("rustland", 1, 60.02), make_run("other", 1, 40)}));
    EXPECT_EQ(count(page, "<td>60.0</td>"), 2U) << "they show the same figure";
    EXPECT_THAT(page, Not(HasSubstr("<td class=\"best\">60.0</td>")));
}

TEST(Page, LeavesColumnsOutThatNobodyKnowsAndEscapesNames) {
    std::vector<Recording> all;
    add_recordings(all, *recordings_from(kLog, "<b>&.csv"), "<b>&.csv");
    const std::string page = to_html(all);
    EXPECT_THAT(page, Not(HasSubstr("late audio %</th>")));
    EXPECT_THAT(page, HasSubstr("&lt;b&gt;&amp;"));
    EXPECT_THAT(page, Not(HasSubstr("<b>&")));
    EXPECT_THAT(page, HasSubstr("<h2>recorded games</h2>"));
}
