// SPDX-License-Identifier: GPL-2.0-only
// Strict readers for the values of the configuration: the whole text must be a value, and an error
// says what a right one looks like.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

// At most `count` events in any span of `window`.
struct Rate {
    int count = 0;
    Nanos window;
    bool operator==(const Rate&) const = default;
};

// "500ms", "2min", "1.5s", "1h 30min", "0". A bare number other than 0 is refused.
Result<Nanos> parse_duration(std::string_view text);
// "4MiB", "64k", "4096" (bytes). K, M, G are powers of 1024, with or without "iB" or "B".
Result<std::uint64_t> parse_size(std::string_view text);
// yes/no, true/false, on/off, 1/0.
Result<bool> parse_bool(std::string_view text);
Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max);
Result<double> parse_number(std::string_view text, double min, double max);
// "6/1min": a count and a duration.
Result<Rate> parse_rate(std::string_view text);
// Items separated by commas. An item in double quotes may hold commas and spaces at its ends; \" is
// a quote inside it and every other backslash stays.
Result<std::vector<std::string>> parse_list(std::string_view text);
// The same, with whether an item stood in quotes.
struct ListItem {
    std::string text;
    bool quoted = false;
};
Result<std::vector<ListItem>> parse_list_items(std::string_view text);
// A command line's words: white space separates, quotes and backslashes work as in a shell, nothing
// is expanded.
Result<std::vector<std::string>> split_arguments(std::string_view text);

// The shortest exact form that parse_duration reads back.
std::string format_duration(Nanos duration);
// The inverse of split_arguments, for status lines.
std::string join_arguments(const std::vector<std::string>& arguments);

std::string_view trim(std::string_view text);

} // namespace rustland::supervisor
