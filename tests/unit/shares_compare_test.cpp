// SPDX-License-Identifier: GPL-2.0-only
#include "shares/compare.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::shares;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

// GoogleTest has a Run of its own.
using Sample = rustland::shares::Run;

// Two groups: one task alone, and four that are alike.
Sample run_of(double one, const std::vector<double>& four, double idle = 0) {
    double sum = 0;
    for (const double share : four)
        sum += share;
    return {.configuration = "c",
            .about = "for a test",
            .scheduler = "EEVDF",
            .kernel = "6.18",
            .cgroup_mode = "",
            .cpus = 4,
            .seed = 1,
            .seconds = 10,
            .groups = {{.path = "one", .percent = one, .single = true},
                       {.path = "four", .percent = sum, .single = false}},
            .tasks = {{.group = "one", .label = "hog", .percent = {one}},
                      {.group = "four", .label = "hog", .percent = four}},
            .others = 100 - one - sum - idle,
            .idle = idle};
}

const Sample kEven = run_of(20, {20, 20, 20, 20});

std::vector<Row> rows_of(const std::vector<Sample>& reference, const std::vector<Sample>& measured,
                         const std::vector<Sample>& beside = {}) {
    auto rows = compare(reference, measured, beside);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message());
    return rows ? *std::move(rows) : std::vector<Row>{};
}

Row row_of(const std::vector<Row>& rows, const std::string& what) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.what == what; });
    EXPECT_NE(found, rows.end()) << what;
    return found == rows.end() ? Row{} : *found;
}

Verdict verdict_of(const Sample& reference, const Sample& measured, const std::string& what) {
    return row_of(rows_of({reference}, {measured}), what).verdict;
}

constexpr const char* kFour = "four: 4 x hog";

} // namespace

TEST(SharesResult, WhatItWritesItReads) {
    Sample run = run_of(24.125, {10, 11.5, 12, 13}, 1.5);
    run.cgroup_mode = "smp";
    const auto read = runs_from_json(to_json(run) + "\n" + to_json(kEven) + "\n");
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_THAT(*read, ElementsAre(run, kEven));
}

TEST(SharesResult, AWrongLineIsNamed) {
    const auto read = runs_from_json(to_json(kEven) + "\n{\"configuration\":\"c\"}\n");
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message(), HasSubstr("line 2: not a result"));
    EXPECT_FALSE(runs_from_json("hello\n"));
    ASSERT_TRUE(runs_from_json(""));
    EXPECT_TRUE(runs_from_json("")->empty());
}

TEST(SharesCompare, ARunIsAsItShouldBeAgainstItself) {
    const auto rows = rows_of({kEven}, {kEven});
    EXPECT_TRUE(all_good(rows));
    std::vector<std::string> names;
    for (const Row& row : rows)
        names.push_back(row.what);
    // The group of one task needs no row for its task.
    EXPECT_THAT(names, ElementsAre("one", "four", kFour, "(idle)", "(all other tasks)"));
}

TEST(SharesCompare, AGroupOfOneTaskIsWithinOnePoint) {
    EXPECT_EQ(verdict_of(kEven, run_of(20.99, {20, 20, 20, 19}), "one"), Verdict::good);
    EXPECT_EQ(verdict_of(kEven, run_of(19.01, {20, 20, 20, 20}), "one"), Verdict::good);
    const Row off = row_of(rows_of({kEven}, {run_of(18.9, {20, 20, 20, 20})}), "one");
    EXPECT_EQ(off.verdict, Verdict::bad);
    EXPECT_NEAR(off.difference, -1.1, 1e-9);
    EXPECT_EQ(off.why, "more than 1 point off");
}

TEST(SharesCompare, AnotherGroupIsWithinThreePoints) {
    EXPECT_EQ(verdict_of(kEven, run_of(20, {20, 20, 20, 17.1}), "four"), Verdict::good);
    EXPECT_EQ(verdict_of(kEven, run_of(20, {20, 20, 20, 16.9}), "four"), Verdict::bad);
    EXPECT_EQ(verdict_of(kEven, run_of(20, {20, 20, 20, 23.1}), "four"), Verdict::bad);
}

TEST(SharesCompare, IdleCpusAreJudgedAndTheSchedulersOwnWorkIsShown) {
    const auto lazy = rows_of({kEven}, {run_of(20, {19, 19, 19, 19}, 4)});
    EXPECT_EQ(row_of(lazy, "(idle)").verdict, Verdict::bad);
    const auto dear = rows_of({kEven}, {run_of(20, {19.3, 19.3, 19.3, 19.3}, 0)});
    EXPECT_EQ(row_of(dear, "(all other tasks)").verdict, Verdict::none);
    EXPECT_NEAR(row_of(dear, "(all other tasks)").difference, 2.8, 1e-9);
    EXPECT_TRUE(all_good(dear));
}

TEST(SharesCompare, TasksThatAreAlikeAreComparedSorted) {
    const Sample spread = run_of(20, {10, 20, 24, 26});
    EXPECT_EQ(verdict_of(spread, run_of(20, {26, 24, 20, 10}), kFour), Verdict::good);
    // Each within 15 % of its rank.
    EXPECT_EQ(verdict_of(kEven, run_of(20, {17.1, 22.9, 20, 20}), kFour), Verdict::good);
    EXPECT_EQ(verdict_of(kEven, run_of(20, {16.9, 23, 20, 20}), kFour), Verdict::bad);
    EXPECT_EQ(verdict_of(kEven, run_of(20, {17.5, 23.1, 20, 20}), kFour), Verdict::bad);
}

TEST(SharesCompare, WhatTheReferenceGaveToTasksAlikeIsNoFault) {
    // More even than the reference.
    const Sample uneven = run_of(20, {10, 15, 25, 30});
    EXPECT_EQ(verdict_of(uneven, run_of(20, {20, 20, 20, 20}), kFour), Verdict::good);
    EXPECT_EQ(verdict_of(uneven, run_of(20, {8, 15, 25, 32}), kFour), Verdict::bad);
    // Another seed of the reference was like this one.
    const Sample measured = run_of(20, {12, 20, 20, 28});
    EXPECT_EQ(row_of(rows_of({kEven, kEven}, {measured}), kFour).verdict, Verdict::bad);
    EXPECT_EQ(row_of(rows_of({kEven, kEven, measured}, {measured}), kFour).verdict, Verdict::good);
}

TEST(SharesCompare, ASmallShareMayBeOffByTheGrainOfTime) {
    const Sample small = run_of(20, {0.3, 0.3, 0.3, 0.3});
    EXPECT_EQ(verdict_of(small, run_of(20, {0.21, 0.3, 0.3, 0.39}), kFour), Verdict::good);
    EXPECT_EQ(verdict_of(small, run_of(20, {0.3, 0.3, 0.3, 0.41}), kFour), Verdict::bad);
}

TEST(SharesCompare, SeedsAreComparedByTheirMedian) {
    const std::vector<Sample> reference{run_of(20, {20, 20, 20, 20}), run_of(22, {19, 19, 19, 21}),
                                        run_of(21, {20, 20, 20, 19})};
    const Row row = row_of(rows_of(reference, {run_of(21.5, {20, 20, 20, 18})}), "one");
    EXPECT_THAT(row.reference, ElementsAre(21));
    EXPECT_EQ(row.least, 20);
    EXPECT_EQ(row.most, 22);
    EXPECT_EQ(row.verdict, Verdict::good);
    const std::vector<Sample> two{run_of(20, {20, 20, 20, 20}), run_of(22, {18, 20, 20, 20})};
    EXPECT_THAT(row_of(rows_of(two, {}), "one").reference, ElementsAre(21));
}

TEST(SharesCompare, WhatWasNotMeasuredIsMissingAndNotGood) {
    const auto rows = rows_of({kEven}, {});
    EXPECT_EQ(row_of(rows, "one").verdict, Verdict::missing);
    EXPECT_EQ(row_of(rows, "(all other tasks)").verdict, Verdict::missing);
    EXPECT_FALSE(all_good(rows));
}

TEST(SharesCompare, RunsThatCannotBeComparedAreRefused) {
    const auto refusal = [](const Sample& other) {
        const auto rows = compare({kEven}, {other}, {});
        return rows ? "accepted" : rows.error().message();
    };
    Sample other = kEven;
    other.configuration = "d";
    EXPECT_THAT(refusal(other), HasSubstr("d: there is no reference"));
    other = kEven;
    other.tasks[1].percent.pop_back();
    EXPECT_THAT(refusal(other), HasSubstr("differ in groups"));
    other = kEven;
    other.kernel = "7.3";
    EXPECT_THAT(refusal(other), HasSubstr("differ in groups"));
    other = kEven;
    other.seconds = 4;
    EXPECT_THAT(refusal(other), HasSubstr("differ in groups"));
}

TEST(SharesTable, ShowsSharesDifferencesAndVerdicts) {
    const auto rows =
        rows_of({run_of(25, {18, 19, 19, 19}), run_of(24, {19, 19, 19, 19})},
                {run_of(11, {22.1, 22.2, 22.3, 22.4})}, {run_of(17, {20, 21, 21, 21})});
    const std::string text = to_markdown(
        rows, {.reference = "EEVDF", .measured = "rustland", .beside = "EEVDF by default"});
    EXPECT_THAT(text, HasSubstr("| configuration | group or tasks | EEVDF % | EEVDF by default % | "
                                "rustland % | difference, points | verdict |"));
    EXPECT_THAT(text, HasSubstr("| c | one | 24.5 (24.0 … 25.0) | 17.0 | 11.0 | -13.5 | "
                                "**more than 1 point off** |"));
    EXPECT_THAT(text, HasSubstr("|  | four: 4 x hog | 18.5 … 19.0 | 20.0 … 21.0 | 22.1 … 22.4 |"));
    EXPECT_THAT(text, HasSubstr("0 of 1 configurations"));
    const std::string plain = to_markdown(rows_of({kEven}, {kEven}), {});
    EXPECT_THAT(plain, Not(HasSubstr("default")));
    EXPECT_THAT(plain, HasSubstr("rustland: 4 of 4 rows and 1 of 1 configurations are as they"));
}
