// SPDX-License-Identifier: GPL-2.0-only
#include "bench/scheduler_probe.hpp"
#include "bench/scheduler_stats.hpp"

#include "bench/shared.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::bench;

namespace {

// A folder that looks like /proc and /sys, removed at the end.
class FakeRoot : public testing::Test {
  protected:
    FakeRoot() {
        std::string pattern = testing::TempDir() + "bench-probe.XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            ADD_FAILURE() << "mkdtemp failed";
        root_ = pattern;
    }
    ~FakeRoot() override { std::filesystem::remove_all(root_); }
    FakeRoot(const FakeRoot&) = delete;
    FakeRoot& operator=(const FakeRoot&) = delete;
    FakeRoot(FakeRoot&&) = delete;
    FakeRoot& operator=(FakeRoot&&) = delete;

    void put(const std::string& path, const std::string& text) const {
        const std::filesystem::path full = root_ / path;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full) << text;
    }
    [[nodiscard]] std::string root() const { return root_.string(); }

  private:
    std::filesystem::path root_;
};

} // namespace

TEST_F(FakeRoot, SchedulerIsNoneWithoutSchedExt) {
    EXPECT_EQ(read_scheduler_identity(root()), SchedulerIdentity{});
}

TEST_F(FakeRoot, SchedulerIsWhatTheKernelSays) {
    put("kernel/sched_ext/root/ops", "rustland\n");
    put("kernel/sched_ext/enable_seq", "3\n");
    const auto identity = read_scheduler_identity(root());
    EXPECT_EQ(identity.ops, "rustland");
    EXPECT_EQ(identity.enable_seq, "3");
    put("kernel/sched_ext/enable_seq", "4\n"); // the same name, attached anew
    EXPECT_FALSE(read_scheduler_identity(root()) == identity);
}

TEST_F(FakeRoot, FindsTheLowestPidOfAName) {
    put("12/comm", "rustland\n");
    put("7/comm", "rustland\n");
    put("3/comm", "rustlandd\n");
    put("self/comm", "rustland\n");
    put("9x/comm", "rustland\n");
    ASSERT_TRUE(find_by_comm("rustland", root()).has_value());
    EXPECT_EQ(find_by_comm("rustland", root())->value, 7);
    EXPECT_FALSE(find_by_comm("eevdf", root()).has_value());
}

TEST_F(FakeRoot, ComparesTheFifteenBytesThatTheKernelKeeps) {
    put("5/comm", "scx_a_long_name\n");
    EXPECT_EQ(find_by_comm("scx_a_long_name_1.2.3", root())->value, 5);
}

TEST_F(FakeRoot, ReadsContextSwitches) {
    put("stat", "cpu  1 2 3\nintr 5\nctxt 123456\nbtime 1\n");
    EXPECT_EQ(read_context_switches(root()), 123456U);
    EXPECT_EQ(read_context_switches(root() + "/nowhere"), 0U);
}

TEST(StatusField, FindsTheKeyAtTheStartOfALine) {
    const std::string text = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
    EXPECT_EQ(status_field(text, "VmRSS"), 1024U);
    EXPECT_EQ(status_field(text, "VmHWM"), 2048U);
    EXPECT_FALSE(status_field(text, "RSS").has_value());
    EXPECT_FALSE(status_field(text, "Name").has_value());
}

TEST(ReadUsage, MeasuresALiveProcess) {
    const auto before = read_usage(Pid{::getpid()});
    ASSERT_TRUE(before) << before.error().message();
    volatile std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 1'000'000; ++i)
        sum = sum + i;
    const auto after = read_usage(Pid{::getpid()});
    ASSERT_TRUE(after);
    EXPECT_GT(after->cpu, before->cpu);
    EXPECT_GT(after->rss_kib, 0U);
    EXPECT_GE(after->peak_rss_kib, after->rss_kib);
}

TEST(ReadUsage, OfAProcessThatIsGoneIsAnError) { EXPECT_FALSE(read_usage(Pid{0x7ffffff0})); }

TEST(LoadCounters, AddUpOverTheSlots) {
    auto counters = LoadCounters::create(3);
    ASSERT_TRUE(counters);
    EXPECT_EQ(counters->totals().iterations, 0U);
    counters->slots()[0].iterations = 5;
    counters->slots()[2].iterations = 7;
    counters->slots()[1].jobs = 2;
    counters->slots()[1].failed_jobs = 1;
    EXPECT_EQ(counters->totals().iterations, 12U);
    EXPECT_EQ(counters->totals().jobs, 2U);
    EXPECT_EQ(counters->totals().failed_jobs, 1U);
}

TEST(LoadCounters, OfNoSlotsAreEmpty) {
    auto counters = LoadCounters::create(0);
    ASSERT_TRUE(counters);
    EXPECT_TRUE(counters->slots().empty());
}

TEST(DecisionCounts, AreReadFromTheSchedulersAnswer) {
    const auto counts = parse_decision_counts(
        R"({"stats":{"uptime":1.5,"queued":100,"congested":5,"decided":90,"runnable":null}})");
    ASSERT_TRUE(counts) << counts.error().message();
    EXPECT_DOUBLE_EQ(counts->queued, 100);
    EXPECT_DOUBLE_EQ(counts->congested, 5);
    EXPECT_DOUBLE_EQ(counts->decided, 90);
}

TEST(DecisionCounts, RefuseAnAnswerWithoutThem) {
    for (const char* answer :
         {"", "{", "[]", R"({"error":"no"})", R"({"stats":[]})", R"({"stats":{}})",
          R"({"stats":{"queued":1,"congested":null,"decided":1}})"})
        EXPECT_FALSE(parse_decision_counts(answer)) << answer;
}

TEST(DecisionCounts, OfNobodyAreAnErrorThatNamesTheSocket) {
    const auto counts = query_decision_counts("/nonexistent/socket");
    ASSERT_FALSE(counts);
    EXPECT_NE(counts.error().message().find("/nonexistent/socket"), std::string::npos);
    EXPECT_FALSE(query_decision_counts(std::string(200, 'x')));
}

TEST(DecidedPercent, IsTheShareOfWhatWasContendedInBetween) {
    const DecisionCounts before{.queued = 100, .congested = 10, .decided = 100};
    EXPECT_EQ(decided_percent(before, {.queued = 180, .congested = 30, .decided = 150}), 50.0);
    EXPECT_EQ(decided_percent(before, before), std::nullopt);
    // Two that were queued before were decided after: not more than all.
    EXPECT_EQ(decided_percent(before, {.queued = 101, .congested = 10, .decided = 103}), 100.0);
}
