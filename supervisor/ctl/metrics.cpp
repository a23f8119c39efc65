// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/metrics.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;
using Type = MetricFamily::Type;

namespace {

// The statistics' units as metrics call them; things that are counted have none.
std::string unit_of(std::string_view unit) {
    if (unit == "s")
        return "seconds";
    if (unit == "%")
        return "percent";
    return unit == "bytes" ? "bytes" : "";
}

std::string escaped(std::string_view text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || (quotes && c == '"'))
            out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

const char* type_name(Type type, MetricsFormat format) {
    switch (type) {
    case Type::Counter:
        return "counter";
    case Type::Info:
        return format == MetricsFormat::OpenMetrics ? "info" : "gauge";
    case Type::Histogram:
        return "histogram";
    case Type::Gauge:
        break;
    }
    return "gauge";
}

const char* suffix(Type type) {
    switch (type) {
    case Type::Counter:
        return "_total";
    case Type::Info:
        return "_info";
    case Type::Histogram: // its samples have suffixes of their own
    case Type::Gauge:
        break;
    }
    return "";
}

std::string to_text(const MetricFamily& family, MetricsFormat format) {
    const std::string sample_name = family.name + suffix(family.type);
    // The older format knows no family but by the name of its samples.
    const std::string& name = format == MetricsFormat::OpenMetrics ? family.name : sample_name;
    std::string text = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name,
                                   escaped(family.help, format == MetricsFormat::OpenMetrics), name,
                                   type_name(family.type, format));
    if (!family.unit.empty() && format == MetricsFormat::OpenMetrics)
        text += fmt::format("# UNIT {} {}\n", name, family.unit);
    for (const MetricSample& sample : family.samples) {
        std::string labels;
        for (const auto& [key, value] : sample.labels)
            labels +=
                fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", key, escaped(value, true));
        text += fmt::format("{}{}{} {}\n", sample_name, sample.suffix,
                            labels.empty() ? "" : "{" + labels + "}", sample.value);
    }
    return text;
}

MetricFamily gauge(std::string name, std::string help, double value) {
    return {std::move(name), Type::Gauge, "", std::move(help), {{{}, value, ""}}};
}

MetricFamily wait_histograms(const Waits& waits) {
    MetricFamily family{"rustland_scheduler_wait_seconds",
                        Type::Histogram,
                        "seconds",
                        "From becoming runnable to running, for each class of tasks.",
                        {}};
    for (std::size_t i = 0; i < waits.size(); ++i) {
        const std::pair<std::string, std::string> label{"class", wait_classes()[i].name};
        std::uint64_t below = 0;
        for (std::size_t bucket = 0; bucket < RL_WAIT_BUCKETS; ++bucket) {
            below += waits[i].counts[bucket];
            const auto limit = wait_limit(bucket);
            const std::string le =
                limit ? fmt::format("{}", static_cast<double>(limit->value) / 1e9) : "+Inf";
            family.samples.push_back({{label, {"le", le}}, static_cast<double>(below), "_bucket"});
        }
        family.samples.push_back({{label}, static_cast<double>(below), "_count"});
        family.samples.push_back({{label}, static_cast<double>(waits[i].sum.value) / 1e9, "_sum"});
    }
    return family;
}

std::optional<double> number_at(const json& status, const json::json_pointer& path) {
    const json value = status.contains(path) ? status.at(path) : json();
    if (value.is_boolean())
        return value.get<bool>() ? 1 : 0;
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string text_at(const json& value, const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_string() ? found->get<std::string>() : "";
}

// Where a number stands in the status, or a list whose length counts.
struct StatusField {
    const char* name;
    Type type;
    const char* unit;
    const char* path;
    double factor;
    const char* help;
};

constexpr StatusField kStatusFields[] = {
    {"sched_ext_supported", Type::Gauge, "", "/kernel/supported", 1,
     "1 where the kernel can run schedulers of sched_ext."},
    {"sched_ext_enables", Type::Counter, "", "/kernel/enable_seq", 1,
     "Schedulers that were attached since boot, whoever did it."},
    {"scheduler_on_seconds", Type::Gauge, "seconds", "/uptime_ms", 1e-3,
     "Since when the scheduler is on; missing while it is off."},
    {"holds", Type::Gauge, "", "/holds", 1, "Holds that keep the scheduler on."},
    {"quarantined", Type::Gauge, "", "/quarantined", 1,
     "Schedulers that failed too often and are not started."},
    {"foreground_processes", Type::Gauge, "", "/classes/foreground", 1,
     "Processes that the scheduler has been told are in the foreground."},
    {"background_processes", Type::Gauge, "", "/classes/background", 1,
     "Processes that the scheduler has been told are in the background."},
    {"on_battery", Type::Gauge, "", "/power/on_battery", 1, "1 while the machine runs on battery."},
    {"detection_events", Type::Counter, "", "/detection/events", 1,
     "Events of processes that the kernel has told."},
    {"detection_overruns", Type::Counter, "", "/detection/overruns", 1,
     "Times that events were lost and all processes looked at anew."},
    {"detection_scans", Type::Counter, "", "/detection/scans", 1,
     "Times that all processes were looked at."},
    {"detection_judged", Type::Counter, "", "/detection/judged", 1,
     "Processes that were held against the rules."},
    {"detection_postponed", Type::Counter, "", "/detection/postponed", 1,
     "Processes that were looked at later, as too many came at once."},
};

} // namespace

std::vector<MetricFamily> scheduler_metrics(const std::optional<SchedulerSample>& sample) {
    std::vector<MetricFamily> families;
    families.push_back(
        gauge("rustland_scheduler_up", "1 where the scheduler answers.", sample ? 1 : 0));
    if (!sample)
        return families;
    families.push_back({"rustland_scheduler",
                        Type::Info,
                        "",
                        "Which scheduler this is.",
                        {{{{"version", sample->version}, {"policy", sample->policy}}, 1, ""}}});
    const auto fields = stats_fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const Value& value = sample->values.at(i);
        if (!value)
            continue;
        const std::string unit = unit_of(fields[i].unit);
        std::string name = fmt::format("rustland_scheduler_{}", fields[i].name);
        if (!unit.empty())
            name += "_" + unit;
        // Counted things are not units of metrics; the help says what they are.
        const std::string things = unit.empty() && *fields[i].unit != '\0'
                                       ? std::string(fields[i].unit) + " "
                                       : std::string();
        families.push_back({name,
                            fields[i].kind == FieldKind::Counter ? Type::Counter : Type::Gauge,
                            unit,
                            things + fields[i].help,
                            {{{}, *value, ""}}});
    }
    if (sample->waits)
        families.push_back(wait_histograms(*sample->waits));
    return families;
}

std::vector<MetricFamily> supervisor_metrics(const std::optional<json>& status) {
    std::vector<MetricFamily> families;
    families.push_back(
        gauge("rustland_supervisor_up", "1 where the supervisor answers.", status ? 1 : 0));
    if (!status)
        return families;
    families.push_back({"rustland_supervisor",
                        Type::Info,
                        "",
                        "Which supervisor this is.",
                        {{{{"version", text_at(*status, "version")}}, 1, ""}}});
    families.push_back({"rustland_supervisor_phase",
                        Type::Gauge,
                        "",
                        "Always 1; the label is what the supervisor is at.",
                        {{{{"phase", text_at(*status, "state")}}, 1, ""}}});
    for (const StatusField& field : kStatusFields) {
        const json::json_pointer path(field.path);
        std::optional<double> value = number_at(*status, path);
        if (status->contains(path) && status->at(path).is_array())
            value = static_cast<double>(status->at(path).size());
        if (value)
            families.push_back({std::string("rustland_supervisor_") + field.name,
                                field.type,
                                field.unit,
                                field.help,
                                {{{}, *value * field.factor, ""}}});
    }
    MetricFamily workloads{"rustland_supervisor_workload_processes",
                           Type::Gauge,
                           "",
                           "Processes that a rule takes for a workload.",
                           {}};
    for (const json& workload : status->value("workloads", json::array()))
        if (const auto count = number_at(workload, json::json_pointer("/processes")))
            workloads.samples.push_back({{{"rule", text_at(workload, "rule")}}, *count, ""});
    families.push_back(std::move(workloads));
    return families;
}

std::string to_text(const std::vector<MetricFamily>& families, MetricsFormat format) {
    std::string text;
    for (const MetricFamily& family : families)
        text += to_text(family, format);
    if (format == MetricsFormat::OpenMetrics)
        text += "# EOF\n";
    return text;
}

} // namespace rustland::supervisor
