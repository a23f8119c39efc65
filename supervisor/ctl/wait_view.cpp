// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/wait_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <string_view>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::array kShares{0.5, 0.99, 1.0};
// Below the bars: where every fifth bucket begins.
constexpr std::string_view kScale = " 2us  64us 2ms  65ms";

// What a wait of the bucket was: known but for the limits of the bucket.
std::string bucket_text(const std::optional<std::size_t>& bucket) {
    if (!bucket)
        return "-";
    const auto limit = wait_limit(*bucket);
    return limit ? "< " + wait_text(limit) : ">= " + wait_text(wait_limit(*bucket - 1));
}

} // namespace

std::string wait_text(const std::optional<Nanos>& wait) {
    if (!wait)
        return "-";
    const auto micros = static_cast<double>(wait->value) / 1e3;
    return micros < 1000 ? fmt::format("{:.0f} us", micros)
                         : fmt::format("{:.1f} ms", micros / 1e3);
}

std::vector<std::string> wait_bars(const WaitHistogram& waits, std::uint64_t most,
                                   std::size_t height) {
    // A row has three levels.
    constexpr std::string_view kLevels = " .:|";
    constexpr std::size_t kFull = kLevels.size() - 1;
    std::vector<std::string> rows(height, std::string(RL_WAIT_BUCKETS, ' '));
    const std::size_t levels = height * kFull;
    for (std::size_t bucket = 0; bucket < RL_WAIT_BUCKETS; ++bucket) {
        const std::uint64_t count = waits.counts[bucket];
        const double share =
            most > 0 ? static_cast<double>(count) / static_cast<double>(most) : 0.0;
        auto left = static_cast<std::size_t>(std::lround(share * static_cast<double>(levels)));
        if (count > 0)
            left = std::max<std::size_t>(left, 1);
        for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
            const std::size_t here = std::min(left, kFull);
            (*row)[bucket] = kLevels[here];
            left -= here;
        }
    }
    return rows;
}

std::vector<Line> wait_lines(const std::optional<Waits>& waits, double seconds,
                             std::size_t height) {
    std::vector<Line> lines;
    lines.push_back(
        {{fmt::format("{:<11}{:>8}{:>12}{:>12}{:>12}", "Waits", "starts/s", "half", "99 %", "all"),
          Style::Title}});
    for (std::size_t i = 0; i < RL_CLASSES; ++i) {
        const char* const name = wait_classes()[i].name;
        const WaitHistogram histogram = waits ? (*waits)[i] : WaitHistogram{};
        const std::uint64_t most =
            *std::max_element(histogram.counts.begin(), histogram.counts.end());
        std::string text = fmt::format(
            "{:<11}{:>8}", name,
            waits && seconds > 0
                ? fmt::format("{:.0f}", static_cast<double>(histogram.count()) / seconds)
                : "-");
        for (const double share : kShares)
            text += fmt::format("{:>12}", bucket_text(histogram.quantile(share)));
        const std::vector<std::string> bars = wait_bars(histogram, most, height);
        for (std::size_t row = 0; row < bars.size(); ++row) {
            const bool lowest = row + 1 == bars.size();
            lines.push_back({{lowest ? text : std::string(text.size(), ' ')},
                             {" |", Style::Dim},
                             {bars[row], Style::Good},
                             {"|", Style::Dim}});
        }
    }
    lines.push_back({{std::string(57, ' ') + std::string(kScale), Style::Dim}});
    return lines;
}

json wait_json(const std::optional<Waits>& waits, double seconds) {
    if (!waits)
        return nullptr;
    json classes = json::object();
    for (std::size_t i = 0; i < RL_CLASSES; ++i) {
        const WaitHistogram& histogram = (*waits)[i];
        // The limit of the bucket; nothing in the last one, which has none.
        const auto below = [&](double share) {
            const auto bucket = histogram.quantile(share);
            const auto limit = bucket ? wait_limit(*bucket) : std::nullopt;
            return limit ? json(limit->value / 1000) : json();
        };
        classes[wait_classes()[i].name] = {
            {"per_second",
             seconds > 0 ? json(static_cast<double>(histogram.count()) / seconds) : json()},
            {"p50_below_us", below(0.5)},
            {"p99_below_us", below(0.99)},
            {"counts", histogram.counts}};
    }
    return classes;
}

} // namespace rustland::supervisor
