// SPDX-License-Identifier: GPL-2.0-only
#include "bench/stats.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rustland::bench {
namespace {

double percentile_of_sorted(std::span<const double> sorted, double p) {
    if (sorted.empty())
        return 0;
    const double rank = std::ceil(p / 100.0 * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

std::vector<double> sorted_copy(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

} // namespace

double percentile(std::span<const double> values, double p) {
    return percentile_of_sorted(sorted_copy(values), p);
}

double median(std::vector<double> values) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

FrameStats frame_stats(std::span<const double> frame_ms) {
    FrameStats stats;
    if (frame_ms.empty())
        return stats;
    const std::vector<double> sorted = sorted_copy(frame_ms);
    const double total = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    const std::size_t slow = (sorted.size() + 99) / 100;
    const double slow_total =
        std::accumulate(sorted.end() - static_cast<std::ptrdiff_t>(slow), sorted.end(), 0.0);
    stats.count = sorted.size();
    stats.fps = 1000.0 * static_cast<double>(sorted.size()) / total;
    stats.low1_fps = 1000.0 * static_cast<double>(slow) / slow_total;
    stats.p50_ms = percentile_of_sorted(sorted, 50);
    stats.p99_ms = percentile_of_sorted(sorted, 99);
    stats.max_ms = sorted.back();
    return stats;
}

AudioStats audio_stats(std::span<const std::int64_t> lateness) {
    AudioStats stats;
    if (lateness.empty())
        return stats;
    std::vector<double> ms;
    ms.reserve(lateness.size());
    for (const std::int64_t ns : lateness)
        ms.push_back(static_cast<double>(ns) / 1e6);
    std::sort(ms.begin(), ms.end());
    stats.periods = lateness.size();
    stats.late = static_cast<std::size_t>(
        std::count_if(lateness.begin(), lateness.end(), [](std::int64_t ns) { return ns > 0; }));
    stats.late_percent =
        100.0 * static_cast<double>(stats.late) / static_cast<double>(stats.periods);
    stats.p99_late_ms = percentile_of_sorted(ms, 99);
    stats.max_late_ms = ms.back();
    return stats;
}

} // namespace rustland::bench
