// SPDX-License-Identifier: GPL-2.0-only
#include "exit_report.hpp"
#include "rustland/common/log.hpp"
#include "rustland/core/budget.hpp"
#include "rustland_abi.h"
#include "support/other_process.hpp"

#include <gmock/gmock.h>
#include <set>
#include <string>

using namespace rustland;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

ExitInfo ended(std::uint32_t kind, std::int64_t code = 0, const char* reason = "reason",
               const char* message = "message") {
    ExitInfo info;
    info.kind = kind;
    info.code = code;
    info.reason = reason;
    info.message = message;
    return info;
}

// What a process writes whose scheduler has ended so.
std::string logged(const ExitInfo& info, bool asked) {
    const test::PipeEnds pipe = test::make_pipe();
    EXPECT_TRUE(test::comes_back(pipe.writer, [&info, asked] {
        setup_logging("rustland", LogLevel::Info);
        log_exit(report_exit(info, asked), info);
    }));
    return test::read_all(pipe.reader);
}

} // namespace

TEST(ExitReport, EachEndHasItsCode) {
    EXPECT_EQ(report_exit(ended(ExitInfo::kUnregistered), true).code, ExitCode::Stopped);
    EXPECT_EQ(report_exit(ExitInfo{}, true).code, ExitCode::Stopped);
    EXPECT_EQ(report_exit(ended(ExitInfo::kErrorStall), false).code, ExitCode::Watchdog);
    EXPECT_EQ(report_exit(ended(ExitInfo::kError), false).code, ExitCode::BpfError);
    EXPECT_EQ(report_exit(ended(ExitInfo::kError + 1), false).code, ExitCode::BpfError);
    EXPECT_EQ(report_exit(ended(ExitInfo::kUnregisteredByBpf, RL_EXIT_LEASE), false).code,
              ExitCode::Silent);
    EXPECT_EQ(report_exit(ended(ExitInfo::kSysRq), false).code, ExitCode::SysRq);
    EXPECT_EQ(report_exit(ended(ExitInfo::kUnregistered), false).code, ExitCode::Detached);
    EXPECT_EQ(report_exit(ended(ExitInfo::kUnregisteredByKernel), false).code, ExitCode::Detached);
    EXPECT_EQ(report_exit(ended(ExitInfo::kUnregisteredByBpf, 77), false).code, ExitCode::Detached);
}

TEST(ExitReport, AnErrorCountsEvenWhenAskedToStop) {
    const auto report = report_exit(ended(ExitInfo::kErrorStall), true);
    EXPECT_EQ(report.code, ExitCode::Watchdog);
    EXPECT_TRUE(report.error);
}

TEST(ExitReport, HotplugAsksForARestart) {
    // What a kernel writes when a CPU goes offline and the scheduler does not handle it.
    const auto report = report_exit(ended(ExitInfo::kUnregisteredByKernel, 0x1000100000000), false);
    EXPECT_TRUE(report.restart);
    EXPECT_EQ(report.code, ExitCode::Restart);
    EXPECT_FALSE(
        report_exit(ended(ExitInfo::kUnregisteredByKernel, 0x1000100000000), true).restart);
    // SysRq-S must stay off.
    EXPECT_FALSE(report_exit(ended(ExitInfo::kSysRq), false).restart);
    // An error that happens to have the bit is no reason to try again.
    EXPECT_FALSE(report_exit(ended(ExitInfo::kError, 0x1000000000000), false).restart);
}

TEST(ExitReport, TheLineCarriesTheKernelsWords) {
    EXPECT_THAT(
        report_exit(ended(ExitInfo::kErrorStall, 0, "runnable task stall", "x[1] failed"), false)
            .line,
        HasSubstr("runnable task stall: x[1] failed"));
    EXPECT_THAT(report_exit(ended(ExitInfo::kError, 0, "same", "same"), false).line,
                HasSubstr("(same)"));
    EXPECT_THAT(report_exit(ended(ExitInfo::kError, 0, "", ""), false).line,
                HasSubstr("no reason given"));
}

// A stopped pager, say.
// A stopped pager, say: nobody reads before the process has ended.
TEST(ExitLog, WaitsForNoReaderOfTheDump) {
    ExitInfo info = ended(ExitInfo::kErrorStall);
    for (int i = 0; i < 20'000; ++i)
        info.dump += "a line of the kernel's dump that nobody reads\n";
    EXPECT_THAT(logged(info, false), StartsWith("rustland: error: the kernel's dump:\n"));
}

TEST(ExitLog, TheDumpGoesBeforeTheReasonAndItsNamesForgeNoLine) {
    ExitInfo info = ended(ExitInfo::kErrorStall);
    info.dump = "R bash[7]\nR \n<0>forged[8]\nR \x1b[2J[9]\n";
    EXPECT_THAT(logged(info, false), StartsWith("rustland: error: the kernel's dump:\n"
                                                "rustland: error:     R bash[7]\n"
                                                "rustland: error:     R \n"
                                                "rustland: error:     <0>forged[8]\n"
                                                "rustland: error:     R ?[2J[9]\n"
                                                "rustland: error: ejected by the kernel's "
                                                "watchdog"));
}

TEST(ExitLog, ADumpIsShownAfterAnErrorOnly) {
    ExitInfo info = ended(ExitInfo::kUnregistered);
    info.dump = "not asked for";
    EXPECT_EQ(logged(info, true),
              "rustland: info: stopped; the kernel's own scheduler runs again\n");
}

TEST(ExitCodes, AreDistinctAndComplete) {
    std::set<int> seen;
    for (const ExitCodeRow& row : kExitCodes)
        EXPECT_TRUE(seen.insert(static_cast<int>(row.code)).second);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(*seen.rbegin()) + 1) << "no gaps";
}

TEST(RestartLimit, AllowsSoManyWithinTheSpanAndMoreLater) {
    RestartLimit limit(2, seconds(60));
    EXPECT_TRUE(limit.allow(seconds(100)));
    EXPECT_TRUE(limit.allow(seconds(110)));
    EXPECT_FALSE(limit.allow(seconds(120)));
    EXPECT_FALSE(limit.allow(seconds(160)));
    EXPECT_TRUE(limit.allow(seconds(161))) << "the first one is forgotten";
    EXPECT_FALSE(limit.allow(seconds(162)));
}

TEST(Budget, IsUsedUpByWorkAndRefilledByRest) {
    Budget budget(millis(20), millis(1));
    budget.worked(millis(19));
    EXPECT_FALSE(budget.exhausted());
    budget.worked(millis(1));
    EXPECT_TRUE(budget.exhausted());
    budget.rested(budget.pause());
    EXPECT_FALSE(budget.exhausted());
    budget.worked(millis(19));
    EXPECT_FALSE(budget.exhausted()) << "a whole pause refills it";
}

TEST(Budget, ShortRestsRefillInProportion) {
    Budget budget(millis(20), millis(1));
    budget.worked(millis(20));
    budget.rested(micros(100)); // worth 2 ms of work
    EXPECT_FALSE(budget.exhausted());
    budget.worked(micros(1999));
    EXPECT_FALSE(budget.exhausted());
    budget.worked(micros(1));
    EXPECT_TRUE(budget.exhausted());
}

TEST(Budget, LongRestsDoNotSaveUpAndDoNotOverflow) {
    Budget budget(millis(20), millis(1));
    budget.worked(millis(5));
    budget.rested(seconds(1'000'000'000));
    budget.worked(millis(20));
    EXPECT_TRUE(budget.exhausted());
}

TEST(Budget, BoundsTheShareHoweverTheWorkIsCutUp) {
    // Works 100 us and rests 1 us by itself, again and again, for 10 s of its own time.
    Budget budget(millis(20), millis(1));
    Nanos work;
    Nanos rest;
    while (work + rest < seconds(10)) {
        budget.worked(micros(100));
        work += micros(100);
        budget.rested(micros(1));
        rest += micros(1);
        if (budget.exhausted()) {
            budget.rested(budget.pause());
            rest += budget.pause();
        }
    }
    const double share = static_cast<double>(work.value) / static_cast<double>((work + rest).value);
    EXPECT_LE(share, 20.0 / 21 + 0.001);
    EXPECT_GE(share, 0.94) << "and does not waste the CPU either";
}
