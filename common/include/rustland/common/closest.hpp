// SPDX-License-Identifier: GPL-2.0-only
// Which known words a misspelt one may have been meant as.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rustland {

// The known words that are nearest to `wrong`, in the order of `known`: those that differ by the
// fewest letters left out, put in, changed or swapped with their neighbour, where these are at most
// a third of the word's; else those that begin with it. The case of letters does not count. Empty
// where nothing is near, or where more than `most` are equally near.
std::vector<std::string> closest_words(std::string_view wrong,
                                       const std::vector<std::string>& known, std::size_t most = 3);

// "; is A meant?" or "; is A or B meant?"; empty where nothing is near.
std::string proposal(std::string_view wrong, const std::vector<std::string>& known);

} // namespace rustland
