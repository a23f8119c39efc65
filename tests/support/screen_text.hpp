// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "supervisor/ctl/top_view.hpp"

#include <string>
#include <vector>

namespace rustland::supervisor {

// What `rustlandctl top` shows, without its styles.
inline std::string text(const std::vector<Line>& lines) {
    std::string all;
    for (const Line& line : lines) {
        for (const Span& span : line)
            all += span.text;
        all += '\n';
    }
    return all;
}

} // namespace rustland::supervisor
