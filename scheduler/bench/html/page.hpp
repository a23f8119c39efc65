// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/html/recording.hpp"

#include <string>
#include <vector>

namespace rustland::bench {

// A page that needs nothing but itself: style, plots and a small script are inside.
std::string to_html(const std::vector<Recording>& recordings);

} // namespace rustland::bench
