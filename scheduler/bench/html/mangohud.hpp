// SPDX-License-Identifier: GPL-2.0-only
// Reads the logs that MangoHud, the overlay that shows frame rates of games, writes (CSV).
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <vector>

namespace rustland::bench {

struct MangoHudLog {
    std::string machine; // what the log says of it: kernel, CPU; empty when nothing
    std::vector<double> frame_ms;
    // The log holds one frame in so many: it was written with an interval. The figures are of the
    // frames that it has.
    double one_in = 1;
    // The last row had no end, because the game was killed while it was written: it is left out.
    bool cut_off = false;
};

// A summary, which MangoHud puts beside each log: averages, and no frames.
bool is_mangohud_summary(const std::string& text);

// `name` is what errors call the text, with the line.
Result<MangoHudLog> parse_mangohud(const std::string& text, const std::string& name);

} // namespace rustland::bench
