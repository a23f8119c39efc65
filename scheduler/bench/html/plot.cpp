// SPDX-License-Identifier: GPL-2.0-only
#include "bench/html/plot.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <numeric>

namespace rustland::bench {
namespace {

// In the units of the picture, which is scaled to the width that there is: small enough for letters
// to stay readable on a phone.
constexpr double kWidth = 420;
constexpr double kHeight = 210;
constexpr double kLeft = 34;
constexpr double kRight = 8;
constexpr double kTop = 12;
constexpr double kBottom = 24;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;
constexpr std::size_t kPlotColumns = 378;
constexpr int kTicks = 5;

// The frame times that players know by their rates.
struct Rate {
    double ms;
    const char* name;
};
constexpr Rate kRates[] = {{1000.0 / 60, "60 fps"}, {1000.0 / 30, "30 fps"}};

double x_of(double share) { return kLeft + share * kPlotWidth; }
double y_of(double ms, double top) { return kTop + kPlotHeight * (1 - std::min(ms / top, 1.0)); }

std::string number(double value) { return fmt::format("{:g}", value); }

void frame(std::string& svg, const std::string& title, double top_ms) {
    svg += fmt::format(R"(<svg class="plot" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}")"
                       R"( data-left="{:g}" data-width="{:g}" data-top="{:g}" data-height="{:g}")"
                       R"( data-ms="{:g}">)"
                       "\n<title>{}</title>\n",
                       kWidth, kHeight, escaped(title), kLeft, kPlotWidth, kTop, kPlotHeight,
                       top_ms, escaped(title));
    for (const double tick : round_ticks(top_ms, kTicks))
        svg += fmt::format(R"(<line class="grid" x1="{:g}" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>)"
                           R"(<text x="{:g}" y="{:.1f}" text-anchor="end">{}</text>)"
                           "\n",
                           kLeft, kWidth - kRight, y_of(tick, top_ms), y_of(tick, top_ms),
                           kLeft - 4, y_of(tick, top_ms) + 4, number(tick));
    for (const Rate& rate : kRates)
        if (rate.ms < top_ms)
            svg +=
                fmt::format(R"(<line class="rate" x1="{:g}" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>)"
                            "\n",
                            kLeft, kWidth - kRight, y_of(rate.ms, top_ms), y_of(rate.ms, top_ms));
    svg += fmt::format(R"(<text x="{:g}" y="{:g}">ms</text>)"
                       "\n",
                       2.0, kTop - 2);
}

// The names lie above the curves, so that they can be read.
void finish(std::string& svg, double top_ms) {
    for (const Rate& rate : kRates)
        if (rate.ms < top_ms)
            svg +=
                fmt::format(R"(<text class="rate" x="{:g}" y="{:.1f}" text-anchor="end">{}</text>)"
                            "\n",
                            kWidth - kRight, y_of(rate.ms, top_ms) - 3, rate.name);
    svg += "</svg>\n";
}

void x_tick(std::string& svg, double share, const std::string& text) {
    const char* anchor = share > 0.95 ? "end" : "middle";
    svg += fmt::format(R"(<text x="{:.1f}" y="{:g}" text-anchor="{}">{}</text>)"
                       "\n",
                       x_of(share), kHeight - 7, anchor, text);
}

// Drawn out towards the slowest frames: 0, 90, 99, 99.9 lie evenly.
double stretched(double percentile) { return -std::log10(1 - percentile / 100); }

} // namespace

std::vector<double> round_ticks(double top, int count) {
    const double rough = top / count;
    const double magnitude = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * magnitude;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * magnitude >= rough) {
            step = factor * magnitude;
            break;
        }
    std::vector<double> ticks;
    for (int i = 0; i * step <= top * (1 + 1e-9); ++i)
        ticks.push_back(i * step);
    return ticks;
}

Scale Scale::around(const std::vector<std::vector<double>>& runs) {
    Scale scale;
    for (const auto& run : runs) {
        if (run.empty())
            continue;
        scale.seconds =
            std::max(scale.seconds, std::accumulate(run.begin(), run.end(), 0.0) / 1000);
        scale.ms = std::max(scale.ms, *std::max_element(run.begin(), run.end()));
    }
    constexpr double kSmallest = 20; // so that a steady run is a calm line
    scale.ms = std::max(scale.ms, kSmallest) * 1.05;
    scale.seconds = std::max(scale.seconds, 1e-3);
    return scale;
}

std::vector<Point> thinned(std::span<const double> frame_ms, std::size_t columns) {
    const double total = std::accumulate(frame_ms.begin(), frame_ms.end(), 0.0) / 1000;
    std::vector<Point> points;
    const bool all = frame_ms.size() <= columns;
    double end = 0;
    std::size_t column = 0;
    std::size_t first = 0; // of this column's points in `points`
    for (const double ms : frame_ms) {
        end += ms / 1000;
        const Point point{end, ms};
        const auto here =
            std::min(static_cast<std::size_t>(end / total * static_cast<double>(columns)), columns);
        if (all || points.empty() || here != column) {
            first = points.size();
            column = here;
            points.push_back(point);
        } else if (points.size() - first == 1) {
            points.push_back(point);
        } else {
            // The shortest and the longest, in the order in which they came.
            Point& a = points[first];
            Point& b = points[first + 1];
            const auto [low, high] = std::minmax(a.ms, b.ms);
            if (ms > high) {
                a = a.ms < b.ms ? a : b;
                b = point;
            } else if (ms < low) {
                a = a.ms > b.ms ? a : b;
                b = point;
            }
        }
    }
    return points;
}

std::string frame_time_plot(std::span<const double> frame_ms, const Scale& scale,
                            std::size_t colour, const std::string& title) {
    std::string svg;
    frame(svg, title, scale.ms);
    for (const double tick : round_ticks(scale.seconds, kTicks))
        x_tick(svg, tick / scale.seconds, number(tick) + " s");
    svg += fmt::format(R"(<polyline class="line s{}" data-seconds="{:g}" points=")", colour,
                       scale.seconds);
    for (const Point& p : thinned(frame_ms, kPlotColumns))
        svg += fmt::format("{:.1f},{:.1f} ", x_of(p.seconds / scale.seconds), y_of(p.ms, scale.ms));
    svg += "\"/>\n";
    finish(svg, scale.ms);
    return svg;
}

std::string percentile_plot(const std::vector<Curve>& curves, const std::string& title) {
    double top = 0;
    std::size_t most = 0;
    for (const Curve& curve : curves) {
        most = std::max(most, curve.frame_ms.size());
        for (const double ms : curve.frame_ms)
            top = std::max(top, ms);
    }
    top = std::max(top, 20.0) * 1.05;
    // The slowest frame is the last of n: where it begins depends on n. Some room, to see it.
    constexpr double kRoom = 0.1;
    const double end =
        std::max(2.0, std::log10(static_cast<double>(std::max<std::size_t>(most, 1)))) + kRoom;
    std::string svg;
    frame(svg, title, top);
    for (const double percentile : {50.0, 90.0, 99.0, 99.9, 99.99})
        if (const double share = stretched(percentile) / end; share <= 1) {
            svg += fmt::format(R"(<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:g}" y2="{:g}"/>)"
                               "\n",
                               x_of(share), x_of(share), kTop, kTop + kPlotHeight);
            x_tick(svg, share, number(percentile) + " %");
        }
    for (const Curve& curve : curves) {
        std::vector<double> sorted = curve.frame_ms;
        std::sort(sorted.begin(), sorted.end());
        svg += fmt::format(R"(<polyline class="line s{}" points=")", curve.colour);
        const auto n = static_cast<double>(sorted.size());
        double last_x = -1;
        for (std::size_t i = 0; i < sorted.size(); ++i) {
            // Frame i begins where i of n are faster, and the curve ends with the slowest.
            const double share = i == 0 ? 0 : -std::log10(1 - static_cast<double>(i) / n) / end;
            const double x = x_of(std::min(share, 1.0));
            const bool step = i > 0 && i + 1 < sorted.size() && sorted[i] == sorted[i - 1];
            if (step || (x - last_x < 0.5 && i + 1 < sorted.size()))
                continue;
            if (i > 0)
                svg += fmt::format("{:.1f},{:.1f} ", x, y_of(sorted[i - 1], top));
            svg += fmt::format("{:.1f},{:.1f} ", x, y_of(sorted[i], top));
            last_x = x;
        }
        if (!sorted.empty())
            svg += fmt::format("{:.1f},{:.1f}", x_of(std::min((std::log10(n) + kRoom) / end, 1.0)),
                               y_of(sorted.back(), top));
        svg += fmt::format("\"><title>{}</title></polyline>\n", escaped(curve.label));
    }
    finish(svg, top);
    return svg;
}

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

} // namespace rustland::bench
