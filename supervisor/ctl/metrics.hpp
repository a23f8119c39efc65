// SPDX-License-Identifier: GPL-2.0-only
// The figures of scheduler and supervisor as metrics, in the text forms of the monitoring world.
// Pure.
#pragma once

#include "supervisor/ctl/scheduler_feed.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
    std::string suffix; // empty: that of the type
};

struct MetricFamily {
    enum class Type { Counter, Gauge, Info, Histogram };
    std::string name; // with the unit, without "_total" and "_info"
    Type type = Type::Gauge;
    std::string unit; // what the name then ends with; empty for plain numbers
    std::string help;
    std::vector<MetricSample> samples;
};

enum class MetricsFormat {
    OpenMetrics,
    Prometheus, // the older text format, which node_exporter's textfile collector reads
};

// Nothing: it does not answer. What is not known is left out.
std::vector<MetricFamily> scheduler_metrics(const std::optional<SchedulerSample>& sample);
std::vector<MetricFamily> supervisor_metrics(const std::optional<nlohmann::json>& status);

std::string to_text(const std::vector<MetricFamily>& families, MetricsFormat format);

} // namespace rustland::supervisor
