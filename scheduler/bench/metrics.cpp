// SPDX-License-Identifier: GPL-2.0-only
#include "bench/metrics.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <fmt/format.h>

namespace rustland::bench {
namespace {

constexpr double kMillion = 1e6;
constexpr bool kCompared = true;
constexpr bool kDetail = false;
constexpr bool kBrief = true;
constexpr bool kWide = false;

// Of the scheduler's process, if there is one.
Figure of_process(const Run& run, double value) {
    return run.scheduler.comm.empty() ? std::nullopt : Figure(value);
}

constexpr auto kMetrics = std::to_array<Metric>({
    {"fps", "fps", 1, Better::Higher, kCompared, kBrief,
     [](const Run& r) { return Figure(r.frames.fps); }},
    {"low1_fps", "1% low", 1, Better::Higher, kCompared, kBrief,
     [](const Run& r) { return Figure(r.frames.low1_fps); }},
    {"frame_p50_ms", "p50 ms", 2, Better::Lower, kCompared, kWide,
     [](const Run& r) { return Figure(r.frames.p50_ms); }},
    {"frame_p99_ms", "p99 ms", 2, Better::Lower, kCompared, kWide,
     [](const Run& r) { return Figure(r.frames.p99_ms); }},
    {"frame_max_ms", "max ms", 2, Better::Lower, kCompared, kWide,
     [](const Run& r) { return Figure(r.frames.max_ms); }},
    {"audio_late", "late", 0, Better::Lower, kDetail, kWide,
     [](const Run& r) { return Figure(static_cast<double>(r.audio.late)); }},
    {"audio_late_percent", "late %", 2, Better::Lower, kCompared, kBrief,
     [](const Run& r) { return Figure(r.audio.late_percent); }},
    {"audio_late_p99_ms", "late p99 ms", 2, Better::Lower, kCompared, kWide,
     [](const Run& r) { return Figure(r.audio.p99_late_ms); }},
    {"jobs_per_s", "jobs/s", 1, Better::Higher, kCompared, kWide,
     [](const Run& r) { return Figure(r.load.jobs_per_s); }},
    {"load_miter_per_s", "load Mit/s", 2, Better::Higher, kDetail, kWide,
     [](const Run& r) { return Figure(r.load.load_per_s / kMillion); }},
    {"total_miter_per_s", "total Mit/s", 2, Better::Higher, kCompared, kWide,
     [](const Run& r) { return Figure(r.load.total_per_s / kMillion); }},
    {"scheduler_cpu_percent", "CPU %", 2, Better::Lower, kCompared, kWide,
     [](const Run& r) { return of_process(r, r.scheduler.cpu_percent); }},
    {"scheduler_rss_mib", "MiB", 1, Better::Lower, kCompared, kWide,
     [](const Run& r) { return of_process(r, r.scheduler.rss_mib); }},
    {"decisions_per_s", "decisions/s", 0, Better::Higher, kDetail, kWide,
     [](const Run& r) { return r.scheduler.decisions_per_s; }},
    {"cpu_us_per_decision", "us/dec", 1, Better::Lower, kCompared, kWide,
     [](const Run& r) { return r.scheduler.cpu_us_per_decision; }},
    {"decided_percent", "decided %", 1, Better::Higher, kCompared, kWide,
     [](const Run& r) { return r.scheduler.decided_percent; }},
    {"switches_per_s", "switches/s", 0, Better::Lower, kDetail, kWide,
     [](const Run& r) { return Figure(r.switches.system_per_s); }},
});

} // namespace

std::span<const Metric> metrics() { return kMetrics; }

const Metric& metric(std::string_view key) {
    const auto found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                    [&](const Metric& m) { return m.key == key; });
    assert(found != kMetrics.end());
    return *found;
}

std::string to_text(const Metric& m, const Figure& figure) {
    return figure ? fmt::format("{:.{}f}", *figure, m.digits) : "-";
}

std::string to_csv_field(const Figure& figure) { return figure ? fmt::format("{}", *figure) : ""; }

} // namespace rustland::bench
