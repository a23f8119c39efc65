// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "stats.hpp"

#include <optional>
#include <string>

namespace rustland {

// The running table: a heading every now and then, and one line for each interval between two
// moments.
class StatsTable {
  public:
    // The text for one more moment; empty for the first one.
    std::string next(const Values& now) {
        std::string text;
        if (before_) {
            if (lines_++ % kLinesPerHeading == 0)
                text = stats_heading() + "\n";
            text += stats_line(*before_, now) + "\n";
        }
        before_ = now;
        return text;
    }

  private:
    static constexpr unsigned kLinesPerHeading = 20;
    std::optional<Values> before_;
    unsigned lines_ = 0;
};

} // namespace rustland
