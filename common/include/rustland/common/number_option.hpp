// SPDX-License-Identifier: GPL-2.0-only
// Options with a number as their value. CLI11 reads "010" as octal, and from 2.6 on throws commas
// and underscores away, so that "0,5" would be 5: here the whole text must be a decimal number.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace rustland {

// A decimal number from `low` to `high`, or nothing. NaN is in no range.
template <typename T> std::optional<T> parse_in_range(std::string_view text, T low, T high) {
    T value{};
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == end;
    return whole && value >= low && value <= high ? std::optional(value) : std::nullopt;
}

// Adds an option, or a positional argument, that is stored in `place`. Anything else than a number
// in the range is a CLI::ValidationError that names the option.
template <typename T>
CLI::Option* add_number(CLI::App& app, const std::string& names, T& place,
                        std::type_identity_t<T> low, std::type_identity_t<T> high,
                        const std::string& help) {
    // The long name, as errors of other options have it.
    const std::string shown = names.substr(names.rfind(',') + 1);
    const auto store = [&place, low, high, shown](const std::string& text) {
        const auto value = parse_in_range<T>(text, low, high);
        if (!value)
            throw CLI::ValidationError(
                shown, high == std::numeric_limits<T>::max()
                           ? fmt::format("'{}' is not a number from {} on", text, low)
                           : fmt::format("'{}' is not a number from {} to {}", text, low, high));
        place = *value;
    };
    return app.add_option_function<std::string>(names, store, help);
}

} // namespace rustland
