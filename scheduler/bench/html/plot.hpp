// SPDX-License-Identifier: GPL-2.0-only
// Plots as SVG, to stand in a page whose style sheet gives the colours (classes s0 to s7). Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace rustland::bench {

// What many plots share, so that they can be compared by eye.
struct Scale {
    double seconds = 0; // to the right end
    double ms = 0;      // to the top

    // Round figures that hold all of these frame times.
    static Scale around(const std::vector<std::vector<double>>& runs);
};

// Distinct values at even, round steps from 0 up to `top`; about `count` of them.
std::vector<double> round_ticks(double top, int count);

// At most two points for each column of pixels, the shortest and the longest frame there, so that
// no long frame is lost however many there are.
struct Point {
    double seconds = 0;
    double ms = 0;
};
std::vector<Point> thinned(std::span<const double> frame_ms, std::size_t columns);

// Frame time over time. `colour`: which of the page's series.
std::string frame_time_plot(std::span<const double> frame_ms, const Scale& scale,
                            std::size_t colour, const std::string& title);

struct Curve {
    std::string label;
    std::vector<double> frame_ms;
    std::size_t colour = 0;
};
// Frame time over percentile, the slowest frames drawn out: where most frames lie, and how long the
// long ones are.
std::string percentile_plot(const std::vector<Curve>& curves, const std::string& title);

// What must not stand in HTML as it is.
std::string escaped(const std::string& text);

} // namespace rustland::bench
