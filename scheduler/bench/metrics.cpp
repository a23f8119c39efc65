// SPDX-License-Identifier: GPL-2.0-only
#include "bench/metrics.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace rustland::bench {
namespace {

constexpr double kMillion = 1e6;

constexpr auto kMetrics = std::to_array<Metric>({
    {"fps", "fps", 1, Better::Higher, [](const Run& r) { return r.frames.fps; }},
    {"low1_fps", "1% low", 1, Better::Higher, [](const Run& r) { return r.frames.low1_fps; }},
    {"frame_p50_ms", "p50 ms", 2, Better::Lower, [](const Run& r) { return r.frames.p50_ms; }},
    {"frame_p99_ms", "p99 ms", 2, Better::Lower, [](const Run& r) { return r.frames.p99_ms; }},
    {"frame_max_ms", "max ms", 2, Better::Lower, [](const Run& r) { return r.frames.max_ms; }},
    {"audio_late", "audio late", 0, Better::Lower,
     [](const Run& r) { return static_cast<double>(r.audio.late); }},
    {"audio_late_percent", "late %", 2, Better::Lower,
     [](const Run& r) { return r.audio.late_percent; }},
    {"audio_late_p99_ms", "late p99 ms", 2, Better::Lower,
     [](const Run& r) { return r.audio.p99_late_ms; }},
    {"jobs_per_s", "jobs/s", 1, Better::Higher, [](const Run& r) { return r.load.jobs_per_s; }},
    {"load_miter_per_s", "load Mit/s", 2, Better::Higher,
     [](const Run& r) { return r.load.load_per_s / kMillion; }},
    {"total_miter_per_s", "total Mit/s", 2, Better::Higher,
     [](const Run& r) { return r.load.total_per_s / kMillion; }},
    {"scheduler_cpu_percent", "sched CPU %", 2, Better::Lower,
     [](const Run& r) { return r.scheduler.cpu_percent; }},
    {"scheduler_rss_mib", "sched MiB", 1, Better::Lower,
     [](const Run& r) { return r.scheduler.rss_mib; }},
    {"switches_per_s", "switches/s", 0, Better::Lower,
     [](const Run& r) { return r.switches.system_per_s; }},
});

} // namespace

std::span<const Metric> metrics() {
    return kMetrics;
}

const Metric& metric(std::string_view key) {
    const auto found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                    [&](const Metric& m) { return m.key == key; });
    assert(found != kMetrics.end());
    return *found;
}

} // namespace rustland::bench
