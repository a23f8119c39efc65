// SPDX-License-Identifier: GPL-2.0-only
// Statistics over what a run recorded. Pure: spans of numbers in, figures out.
#pragma once

#include "rustland/common/types.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rustland::bench {

// Nearest-rank percentile: the smallest value that at least p percent of all values do not exceed.
// 0 < p <= 100; an empty span gives 0.
double percentile(std::span<const double> values, double p);
// The middle value; the mean of the two middle ones when their number is even; 0 when empty.
double median(std::vector<double> values);

struct FrameStats {
    std::size_t count = 0;
    double fps = 0;      // frames shown / time from the first to the last
    double low1_fps = 0; // 1 / mean time of the slowest 1 % of the frames (at least one frame)
    double p50_ms = 0;
    double p99_ms = 0;
    double max_ms = 0;
};
// Of the times between one shown frame and the next, in milliseconds.
FrameStats frame_stats(std::span<const double> frame_ms);

struct AudioStats {
    std::size_t periods = 0;
    std::size_t late = 0;
    double late_percent = 0;
    double p99_late_ms = 0; // of all periods; one that was in time counts as 0
    double max_late_ms = 0;
};
// Of how long after its end each period's work was complete, in nanoseconds (0: in time).
AudioStats audio_stats(std::span<const std::int64_t> lateness);

} // namespace rustland::bench
