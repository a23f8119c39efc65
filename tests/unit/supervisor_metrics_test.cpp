// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

namespace {

SchedulerSample sample(const json& stats) {
    auto found =
        sample_from({{"version", "1.2"}, {"policy", "fifo"}, {"pid", 7}, {"stats", stats}});
    EXPECT_TRUE(found);
    return *std::move(found);
}

const MetricFamily kCounter{"x_seconds",
                            MetricFamily::Type::Counter,
                            "seconds",
                            "What \"it\" is.\nTwo lines.",
                            {{{{"rule", "a\"b\\c\nd"}}, 1.5, ""}}};

} // namespace

TEST(Metrics, OpenMetricsIsWrittenToTheLetter) {
    EXPECT_EQ(to_text({kCounter}, MetricsFormat::OpenMetrics),
              "# HELP x_seconds What \\\"it\\\" is.\\nTwo lines.\n"
              "# TYPE x_seconds counter\n"
              "# UNIT x_seconds seconds\n"
              "x_seconds_total{rule=\"a\\\"b\\\\c\\nd\"} 1.5\n"
              "# EOF\n");
}

TEST(Metrics, TheOlderFormatNamesSamples) {
    EXPECT_EQ(to_text({kCounter}, MetricsFormat::Prometheus),
              "# HELP x_seconds_total What \"it\" is.\\nTwo lines.\n"
              "# TYPE x_seconds_total counter\n"
              "x_seconds_total{rule=\"a\\\"b\\\\c\\nd\"} 1.5\n");
}

TEST(Metrics, EveryStatisticIsAMetricAndWhatIsNotKnownIsLeftOut) {
    json stats;
    for (const Field& field : stats_fields())
        stats[field.name] = 1;
    const std::string all = to_text(scheduler_metrics(sample(stats)), MetricsFormat::OpenMetrics);
    for (const Field& field : stats_fields())
        EXPECT_THAT(all, HasSubstr(std::string("rustland_scheduler_") + field.name));
    stats.erase("queued");
    EXPECT_THAT(to_text(scheduler_metrics(sample(stats)), MetricsFormat::OpenMetrics),
                Not(HasSubstr("rustland_scheduler_queued_total")));
}

TEST(Metrics, WaitsAreAHistogram) {
    SchedulerSample with = sample(json::object());
    with.waits.emplace();
    WaitHistogram& foreground = (*with.waits)[0];
    foreground.counts[0] = 3;
    foreground.counts[2] = 4;
    foreground.counts[RL_WAIT_BUCKETS - 1] = 1;
    foreground.sum = millis(1500);
    const MetricFamily family = scheduler_metrics(with).back();
    const std::string text = to_text({family}, MetricsFormat::OpenMetrics);
    EXPECT_THAT(text, HasSubstr("# TYPE rustland_scheduler_wait_seconds histogram\n"
                                "# UNIT rustland_scheduler_wait_seconds seconds\n"
                                "rustland_scheduler_wait_seconds_bucket{class=\"foreground\",le="
                                "\"2e-06\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("_bucket{class=\"foreground\",le=\"8e-06\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("_bucket{class=\"foreground\",le=\"0.524288\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("_bucket{class=\"foreground\",le=\"+Inf\"} 8\n"));
    EXPECT_THAT(text, HasSubstr("_count{class=\"foreground\"} 8\n"));
    EXPECT_THAT(text, HasSubstr("_sum{class=\"foreground\"} 1.5\n"));
    EXPECT_THAT(text, HasSubstr("_count{class=\"background\"} 0\n"));
    EXPECT_THAT(to_text({family}, MetricsFormat::Prometheus),
                HasSubstr("# TYPE rustland_scheduler_wait_seconds histogram\n"));
}

TEST(Metrics, LargeCountersKeepTheirDigits) {
    EXPECT_THAT(
        to_text(scheduler_metrics(sample({{"queued", 123456789012}})), MetricsFormat::OpenMetrics),
        HasSubstr("rustland_scheduler_queued_total 123456789012\n"));
}

TEST(Metrics, NobodyThereIsAFigure) {
    EXPECT_EQ(to_text(scheduler_metrics({}), MetricsFormat::Prometheus),
              "# HELP rustland_scheduler_up 1 where the scheduler answers.\n"
              "# TYPE rustland_scheduler_up gauge\nrustland_scheduler_up 0\n");
    EXPECT_EQ(supervisor_metrics({}).size(), 1U);
}

TEST(Metrics, AStatusWithLittleInItIsRead) {
    const auto families = supervisor_metrics(json::object());
    const std::string text = to_text(families, MetricsFormat::Prometheus);
    EXPECT_THAT(text, HasSubstr("rustland_supervisor_up 1"));
    EXPECT_THAT(text, Not(HasSubstr("rustland_supervisor_holds ")));
}

TEST(SchedulerSample, RefusesWhatIsNone) {
    EXPECT_EQ(sample_from({{"error", "busy"}}).error().message(), "rustland: busy");
    EXPECT_FALSE(sample_from(json::object()));
    EXPECT_FALSE(sample_from({{"stats", {{"queued", "many"}}}}));
    EXPECT_FALSE(sample_from({{"stats", json::object()}, {"pid", "x"}}));
    EXPECT_FALSE(sample_from({{"stats", json::object()}, {"waits", 1}}));
    EXPECT_FALSE(sample({{"queued", 5}}).waits) << "an older scheduler does not tell them";
    EXPECT_EQ(sample({{"queued", 5}}).value("queued"), 5);
    EXPECT_EQ(sample({{"queued", 5}}).value("idle"), std::nullopt);
    EXPECT_EQ(sample({{"queued", 5}}).value("nonsense"), std::nullopt);
}
