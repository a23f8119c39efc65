// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/top_source.hpp"
#include "supervisor/ctl/top_view.hpp"
#include "support/screen_text.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

namespace {

TopMoment moment(Nanos at, const json& stats) {
    TopMoment m;
    m.at = at;
    m.scheduler =
        *sample_from({{"version", "1.2"}, {"policy", "fifo"}, {"pid", 7}, {"stats", stats}});
    return m;
}

// A busy second.
TopMoment first() {
    TopMoment m = moment(
        seconds(10),
        {{"uptime", 5}, {"decided", 1000}, {"idle", 100}, {"fallback", 0}, {"thread_cpu", 1.0}});
    m.cpus = {{0, {100, 1000}}, {1, {100, 1000}}};
    m.processes = {
        {4711, "game.exe", "game.exe", "wine", "foreground", 2, {seconds(1), millis(10), 100}}};
    return m;
}
TopMoment second() {
    TopMoment m = moment(seconds(11), {{"uptime", 6},
                                       {"decided", 3500},
                                       {"idle", 350},
                                       {"fallback", 0},
                                       {"thread_cpu", 1.05},
                                       {"runnable", 9},
                                       {"resident", 10 << 20}});
    m.cpus = {{0, {175, 1100}}, {1, {100, 1100}}};
    m.processes = {{4711,
                    "game.exe",
                    "The Game.exe",
                    "wine",
                    "foreground",
                    2,
                    {seconds(1) + millis(500), millis(110), 600}}};
    m.supervisor = "on: wine";
    m.events = {"now  started"};
    return m;
}

std::string line_with(const std::string& all, const std::string& part) {
    const std::size_t at = all.find(part);
    if (at == std::string::npos)
        return "";
    const std::size_t from = all.rfind('\n', at) + 1;
    return all.substr(from, all.find('\n', at) - from);
}

Style style_of(const std::vector<Line>& lines, const std::string& part) {
    for (const Line& line : lines)
        for (const Span& span : line)
            if (span.text.find(part) != std::string::npos)
                return span.style;
    ADD_FAILURE() << "nowhere: " << part;
    return Style::Plain;
}

} // namespace

TEST(TopView, ShowsRatesBetweenTwoMoments) {
    const std::string all = text(top_lines(first(), second(), {}));
    EXPECT_THAT(all, HasSubstr("rustland 1.2  policy fifo  pid 7  up 6s"));
    EXPECT_THAT(line_with(all, "decided by the policy"), HasSubstr("2500/s  ||||"));
    EXPECT_THAT(line_with(all, "found an idle CPU"), HasSubstr(" 250/s  ||||  "));
    EXPECT_THAT(line_with(all, "waiting    "), HasSubstr("9 runnable, - for a decision"));
    EXPECT_THAT(line_with(all, "costs"), HasSubstr("up 6s  costs 5.0 % of a CPU, 10.0 MiB"));
    EXPECT_THAT(all, HasSubstr("cpu0  [|||||||||   ]  75 %"));
    EXPECT_THAT(all, HasSubstr("cpu1  [            ]   0 %"));
    EXPECT_THAT(all, HasSubstr("on: wine\nnow  started\n"));
}

TEST(TopView, ShowsHowLongWorkloadsWait) {
    // 0.5 s of CPU time, and 100 ms of waiting in 500 times.
    const std::string line = line_with(text(top_lines(first(), second(), {})), "The Game.exe");
    EXPECT_THAT(line, HasSubstr("4711  foreground       2   0.50     0.10          200 us"));
}

TEST(TopView, AnotherUsersGameIsNotNoGame) {
    TopMoment now = second();
    now.processes.clear();
    EXPECT_THAT(text(top_lines(now, now, {})), HasSubstr("\nno game runs\n"));
    now.others = {"game:       one of the rule native"};
    const std::string all = text(top_lines(now, now, {}));
    EXPECT_THAT(all, HasSubstr("\ngame:       one of the rule native\n"));
    EXPECT_THAT(all, Not(HasSubstr("no game runs")));
}

TEST(TopView, ShowsNoRatesWhereThereAreNone) {
    const std::string once = text(top_lines(second(), second(), {}));
    EXPECT_THAT(line_with(once, "decided by the policy"), HasSubstr(" -/s"));
    EXPECT_THAT(line_with(once, "The Game.exe"), HasSubstr("-        -               -"));
    TopMoment other = second();
    other.scheduler->pid = 8; // another run: its counters began anew
    EXPECT_THAT(line_with(text(top_lines(first(), other, {})), "decided by"), HasSubstr(" -/s"));
}

TEST(TopView, ShowsWaitsSinceTheMomentBefore) {
    TopMoment before = first();
    TopMoment now = second();
    before.scheduler->waits.emplace();
    (*before.scheduler->waits)[0].counts[15] = 900; // long ago
    now.scheduler->waits = before.scheduler->waits;
    EXPECT_THAT(line_with(text(top_lines(before, now, {})), "foreground        0"),
                HasSubstr(" -           -           - |"));
    (*now.scheduler->waits)[0].counts[3] = 120;
    EXPECT_THAT(line_with(text(top_lines(before, now, {})), "foreground      120"),
                HasSubstr("     < 16 us     < 16 us     < 16 us |   |"));
    EXPECT_EQ(top_json(before, now)["scheduler"]["waits"]["foreground"]["p99_below_us"], 16);
    EXPECT_EQ(top_json(before, now)["scheduler"]["waits"]["foreground"]["per_second"], 120);
    EXPECT_TRUE(top_json(before, now)["scheduler"]["waits"]["normal"]["p50_below_us"].is_null());
    // A tall terminal has room for tall bars.
    EXPECT_EQ(top_lines(before, now, {80, 0}).size(), top_lines(before, now, {80, 38}).size() + 6);
    now.scheduler->pid = 8;
    EXPECT_THAT(line_with(text(top_lines(before, now, {})), "foreground        -"),
                HasSubstr(" -           -           - |"));
    EXPECT_TRUE(top_json(before, now)["scheduler"]["waits"].is_null());
}

TEST(TopView, FaultsAreRed) {
    TopMoment bad = second();
    bad.scheduler =
        moment(seconds(11), {{"uptime", 6}, {"fallback", 4}, {"errors", 2}, {"lease_active", 1}})
            .scheduler;
    const auto lines = top_lines(first(), bad, {});
    EXPECT_EQ(style_of(lines, "undecided for too long"), Style::Bad);
    EXPECT_EQ(style_of(lines, "on the lease"), Style::Bad);
    EXPECT_EQ(style_of(lines, "2 unknown tasks: should be 0"), Style::Bad);
    const auto good = top_lines(first(), second(), {});
    EXPECT_THAT(text(good), Not(HasSubstr("undecided")));
    EXPECT_THAT(text(good), Not(HasSubstr("should be 0")));
}

TEST(TopView, FitsTheTerminal) {
    TopMoment many = second();
    for (int cpu = 0; cpu < 64; ++cpu)
        many.cpus[cpu] = {};
    many.events = {std::string(500, 'x'), "\xc3\xa4\xc3\xa4\xc3\xa4"};
    for (const std::size_t columns : {1U, 20U, 79U, 200U}) {
        const auto lines = top_lines(first(), many, {columns, 24});
        EXPECT_EQ(lines.size(), 24U);
        for (const Line& line : lines) {
            std::size_t used = 0;
            for (const Span& span : line)
                used += span.text.size();
            EXPECT_LE(used, columns);
        }
    }
    // Half a character would spoil the line.
    EXPECT_THAT(text(top_lines(first(), many, {5, 0})), HasSubstr("\n\xc3\xa4\xc3\xa4\n"));
}

TEST(TopView, ASmallTerminalShowsTheGameAndItsWaitsAndSaysWhatIsCut) {
    TopMoment now = second();
    now.scheduler->waits.emplace();
    for (int pid = 1; pid < 10; ++pid)
        now.processes.push_back({pid, "child", "child", "wine", "normal", 1, {}});
    for (int cpu = 0; cpu < 8; ++cpu)
        now.cpus[cpu] = {};
    now.events.assign(5, "event");
    const auto lines = top_lines(first(), now, {80, 23});
    ASSERT_EQ(lines.size(), 23U);
    const std::string all = text(lines);
    EXPECT_LT(all.find("The Game.exe"), all.find("Waits"));
    EXPECT_LT(all.find("Waits"), all.find("CPUs\n"));
    EXPECT_THAT(all, HasSubstr("and 5 more\n"));
    EXPECT_THAT(text({lines.back()}), HasSubstr(" more lines: make the terminal taller"));
    EXPECT_THAT(text(top_help({40, 5})), HasSubstr("more lines"));
    EXPECT_EQ(text(top_lines(first(), now, {80, 0})).find("more lines"), std::string::npos);
}

TEST(TopView, WithoutASchedulerItSaysWhyAndShowsTheRest) {
    TopMoment none = second();
    none.scheduler.reset();
    none.no_scheduler = "not \x1b[31mthere";
    const std::string all = text(top_lines(none, none, {}));
    EXPECT_THAT(all, HasSubstr("no scheduler: not ?[31mthere"));
    EXPECT_THAT(all, HasSubstr("cpu0"));
    EXPECT_TRUE(top_json(none, none)["scheduler"].is_null());
}

TEST(TopView, WhyThereIsNoSchedulerIsReadableOnASmallTerminal) {
    TopMoment none = second();
    none.scheduler.reset();
    none.no_scheduler = "the scheduler is off: no game runs; it comes on by itself when one begins";
    const std::string all = text(top_lines(none, none, {80, 24}));
    EXPECT_THAT(all, testing::StartsWith("no scheduler: no game runs; it comes on by itself when "
                                         "one begins\n"));
    none.no_scheduler =
        "the scheduler is off: " + std::string(60, 'x') + " " + std::string(60, 'y');
    EXPECT_THAT(text(top_lines(none, none, {80, 24})),
                testing::StartsWith("no scheduler: " + std::string(60, 'x') + "\n    " +
                                    std::string(60, 'y') + "\n"))
        << "what is said goes on, where it is cut elsewhere";
}

TEST(TopView, JsonHasTheSameFigures) {
    const json all = top_json(first(), second());
    EXPECT_EQ(all["scheduler"]["per_second"]["decided"], 2500);
    EXPECT_FALSE(all["scheduler"]["per_second"].contains("runnable"));
    EXPECT_EQ(all["scheduler"]["stats"]["runnable"], 9);
    EXPECT_EQ(all["cpus"][0]["busy"], 0.75);
    EXPECT_EQ(all["workloads"][0]["wait_us"], 200);
    EXPECT_EQ(all["workloads"][0]["cpus"], 0.5);
}

TEST(TopParse, CpuTicks) {
    const auto cpus = parse_cpu_ticks("cpu  9 9 9 9 9 9 9 9 9 9\n"
                                      "cpu0 10 1 20 300 40 5 6 7 1000 1000\n"
                                      "cpu12 1 1 1 1 1 1 1 1 0 0\nintr 5 5\n");
    ASSERT_EQ(cpus.size(), 2U);
    EXPECT_EQ(cpus.at(0).busy, 49U);
    EXPECT_EQ(cpus.at(0).all, 389U);
    EXPECT_EQ(cpus.at(12).all, 8U);
    EXPECT_TRUE(parse_cpu_ticks("").empty());
}

TEST(TopParse, Schedstat) {
    const auto times = parse_schedstat("123 456 7\n");
    ASSERT_TRUE(times);
    EXPECT_EQ(times->ran, Nanos{123});
    EXPECT_EQ(times->waited, Nanos{456});
    EXPECT_EQ(times->runs, 7U);
    EXPECT_FALSE(parse_schedstat("123 456\n"));
    EXPECT_FALSE(parse_schedstat(""));
}

TEST(TopSource, SaysWhoIsNotThereAndReadsTheRest) {
    const test::TempDir dir;
    dir.write("stat", "cpu0 1 0 0 9\n");
    TopSource source(dir.path("none"), dir.path("neither"), std::chrono::milliseconds(100),
                     dir.path(""));
    const TopMoment moment = source.next();
    EXPECT_EQ(source.fd(), -1);
    EXPECT_THAT(moment.no_scheduler, HasSubstr("rustland does not answer on"));
    EXPECT_THAT(moment.supervisor, HasSubstr("rustlandd does not answer on"));
    EXPECT_EQ(moment.cpus.at(0).busy, 1U);
}
