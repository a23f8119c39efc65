// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/closest.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

namespace rustland {
namespace {

// Longer words are no commands or options, and the table below grows with the length.
constexpr std::size_t kLongestWord = 64;

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// The optimal string alignment distance. Three rows of its table suffice.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

} // namespace

std::vector<std::string> closest_words(std::string_view wrong,
                                       const std::vector<std::string>& known, std::size_t most) {
    if (wrong.empty() || wrong.size() > kLongestWord)
        return {};
    const std::string word = lower(wrong);
    std::size_t best = std::max<std::size_t>(1, word.size() / 3);
    std::vector<std::string> near;
    std::vector<std::string> longer;
    for (const std::string& candidate : known) {
        const std::string other = lower(candidate);
        if (other.starts_with(word))
            longer.push_back(candidate);
        const std::size_t far = distance(word, other);
        if (far > best)
            continue;
        if (far < best)
            near.clear();
        best = far;
        near.push_back(candidate);
    }
    std::vector<std::string>& found = near.empty() ? longer : near;
    return found.size() > most ? std::vector<std::string>{} : std::move(found);
}

std::string proposal(std::string_view wrong, const std::vector<std::string>& known) {
    const std::vector<std::string> near = closest_words(wrong, known);
    return near.empty() ? "" : fmt::format("; is {} meant?", fmt::join(near, " or "));
}

} // namespace rustland
