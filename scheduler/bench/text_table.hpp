// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace rustland::bench {

// Rows of cells, the first row being the titles. All rows have as many cells as the first.
using Cells = std::vector<std::vector<std::string>>;

// Aligned by white space: the first `left` columns to the left, numbers to the right.
std::string aligned(const Cells& cells, std::size_t left);
std::string markdown(const Cells& cells, std::size_t left);
// Comma separated; cells that need it are quoted.
std::string csv(const Cells& cells);

} // namespace rustland::bench
