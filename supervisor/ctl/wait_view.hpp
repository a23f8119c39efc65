// SPDX-License-Identifier: GPL-2.0-only
// The histograms of waits in `rustlandctl top`. Pure.
#pragma once

#include "supervisor/ctl/top_view.hpp"
#include "waits.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

// "64 us", "16.4 ms"; "-" for nothing.
std::string wait_text(const std::optional<Nanos>& wait);

// One character for each bucket in each of `height` rows, the upper one first; of the highest
// bucket `most` they are full, and what is not empty shows.
std::vector<std::string> wait_bars(const WaitHistogram& waits, std::uint64_t most,
                                   std::size_t height);

// The waits of an interval of so many seconds, each class with a histogram of `height` rows;
// nothing: not known.
std::vector<Line> wait_lines(const std::optional<Waits>& waits, double seconds, std::size_t height);

// The same as data.
nlohmann::json wait_json(const std::optional<Waits>& waits, double seconds);

} // namespace rustland::supervisor
