// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/values.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <system_error>

namespace rustland::supervisor {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr std::array<Unit, 10> kTimeUnits{{{"us", 1'000},
                                           {"ms", 1'000'000},
                                           {"s", 1'000'000'000},
                                           {"sec", 1'000'000'000},
                                           {"m", 60'000'000'000},
                                           {"min", 60'000'000'000},
                                           {"h", 3'600'000'000'000},
                                           {"hour", 3'600'000'000'000},
                                           {"hours", 3'600'000'000'000},
                                           {"d", 86'400'000'000'000}}};
constexpr std::int64_t kKib = 1024;
constexpr std::array<Unit, 10> kSizeUnits{{{"", 1},
                                           {"B", 1},
                                           {"k", kKib},
                                           {"K", kKib},
                                           {"KiB", kKib},
                                           {"M", kKib* kKib},
                                           {"MiB", kKib* kKib},
                                           {"G", kKib* kKib* kKib},
                                           {"GiB", kKib* kKib* kKib},
                                           {"kB", kKib}}};

// A year: far beyond any sensible setting, and safe to add to any clock.
constexpr double kLongest = 365.0 * 86'400e9;

Error not_a_duration(std::string_view text) {
    return Error(
        fmt::format("\"{}\" is not a duration; write a number with a unit (ms, s, min, h), "
                    "such as 500ms or 2min",
                    text));
}

// Reads digits with at most one point from the start of `text`; npos-free: 0 means none.
std::size_t number_length(std::string_view text) {
    std::size_t i = 0;
    bool point = false;
    while (i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !point && i > 0))) {
        point = point || text[i] == '.';
        ++i;
    }
    return i > 0 && text[i - 1] == '.' ? 0 : i;
}

std::string quote_argument(const std::string& word) {
    constexpr std::string_view plain = "_-./:=,+@%^~";
    bool simple = !word.empty();
    for (const char c : word)
        simple = simple && (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                            plain.find(c) != std::string_view::npos);
    if (simple)
        return word;
    std::string quoted = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\')
            quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

} // namespace

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
        text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
        text.remove_suffix(1);
    return text;
}

Result<Nanos> parse_duration(std::string_view text) {
    std::string_view rest = trim(text);
    if (rest == "0")
        return Nanos{};
    if (rest.empty())
        return not_a_duration(text);
    double total = 0;
    while (!rest.empty()) {
        const std::size_t digits = number_length(rest);
        if (digits == 0)
            return not_a_duration(text);
        double number = 0;
        if (std::from_chars(rest.data(), rest.data() + digits, number).ec != std::errc{})
            return not_a_duration(text);
        rest.remove_prefix(digits);
        std::size_t letters = 0;
        while (letters < rest.size() &&
               std::isalpha(static_cast<unsigned char>(rest[letters])) != 0)
            ++letters;
        const std::string_view name = rest.substr(0, letters);
        const Unit* unit = nullptr;
        for (const Unit& candidate : kTimeUnits)
            if (candidate.name == name)
                unit = &candidate;
        if (unit == nullptr)
            return not_a_duration(text);
        total += number * static_cast<double>(unit->factor);
        rest.remove_prefix(letters);
        rest = trim(rest);
    }
    if (total > kLongest)
        return Error(fmt::format("\"{}\" is longer than a year", text));
    return Nanos{std::llround(total)};
}

Result<std::uint64_t> parse_size(std::string_view text) {
    const std::string_view value = trim(text);
    const Error bad(fmt::format(
        "\"{}\" is not a size; write a whole number of bytes or with a unit, such as 64K or 4MiB",
        text));
    std::uint64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc{})
        return bad;
    const std::string_view name = trim(value.substr(static_cast<std::size_t>(end - value.data())));
    for (const Unit& unit : kSizeUnits) {
        if (unit.name != name)
            continue;
        const auto factor = static_cast<std::uint64_t>(unit.factor);
        if (number > std::numeric_limits<std::uint64_t>::max() / factor)
            return bad;
        return number * factor;
    }
    return bad;
}

Result<bool> parse_bool(std::string_view text) {
    const std::string_view value = trim(text);
    if (value == "yes" || value == "true" || value == "on" || value == "1")
        return true;
    if (value == "no" || value == "false" || value == "off" || value == "0")
        return false;
    return Error(fmt::format("\"{}\" is neither yes nor no", text));
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max) {
    const std::string_view value = trim(text);
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc{} || end != value.data() + value.size() || number < min || number > max)
        return Error(fmt::format("\"{}\" is not a whole number from {} to {}", text, min, max));
    return number;
}

Result<double> parse_number(std::string_view text, double min, double max) {
    const std::string_view value = trim(text);
    double number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc{} || end != value.data() + value.size() || !std::isfinite(number) ||
        number < min || number > max)
        return Error(fmt::format("\"{}\" is not a number from {} to {}", text, min, max));
    return number;
}

Result<Rate> parse_rate(std::string_view text) {
    const Error bad(
        fmt::format("\"{}\" is not a rate; write COUNT/DURATION, such as 6/1min", text));
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return bad;
    const auto count = parse_integer(text.substr(0, slash), 1, 1000);
    const auto window = parse_duration(text.substr(slash + 1));
    if (!count || !window || window->value <= 0)
        return bad;
    return Rate{static_cast<int>(*count), *window};
}

Result<std::vector<ListItem>> parse_list_items(std::string_view text) {
    std::vector<ListItem> items;
    std::string_view rest = trim(text);
    while (!rest.empty()) {
        std::string item;
        const bool quoted = rest.front() == '"';
        if (quoted) {
            std::size_t i = 1;
            while (i < rest.size() && rest[i] != '"') {
                if (rest[i] == '\\' && i + 1 < rest.size() && rest[i + 1] == '"')
                    ++i;
                item += rest[i++];
            }
            if (i >= rest.size())
                return Error(fmt::format("the quote in {} is not closed", text));
            rest = trim(rest.substr(i + 1));
            if (!rest.empty() && rest.front() != ',')
                return Error(fmt::format("write a comma after \"{}\"", item));
        } else {
            const std::size_t comma = rest.find(',');
            item = trim(rest.substr(0, comma));
            rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma);
        }
        if (item.empty())
            return Error("an empty item between commas");
        items.push_back({std::move(item), quoted});
        if (!rest.empty())
            rest = trim(rest.substr(1));
    }
    return items;
}

Result<std::vector<std::string>> parse_list(std::string_view text) {
    auto items = parse_list_items(text);
    if (!items)
        return items.error();
    std::vector<std::string> texts;
    for (ListItem& item : *items)
        texts.push_back(std::move(item.text));
    return texts;
}

Result<std::vector<std::string>> split_arguments(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && quote != '\'') {
            if (++i == text.size())
                return Error("a backslash at the end quotes nothing");
            word += text[i];
            in_word = true;
        } else if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '"' || c == '\'') {
            quote = c;
            in_word = true;
        } else if (is_space(c)) {
            if (in_word)
                words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote != 0)
        return Error(fmt::format("the quote {} is not closed", quote));
    if (in_word)
        words.push_back(std::move(word));
    return words;
}

std::string format_duration(Nanos duration) {
    if (duration.value == 0)
        return "0";
    constexpr std::array<Unit, 5> order{{{"h", 3'600'000'000'000},
                                         {"min", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000}}};
    for (const Unit& unit : order)
        if (duration.value % unit.factor == 0)
            return fmt::format("{}{}", duration.value / unit.factor, unit.name);
    return fmt::format("{}us", duration.value / 1000);
}

std::string join_arguments(const std::vector<std::string>& arguments) {
    std::string line;
    for (const std::string& argument : arguments) {
        if (!line.empty())
            line += ' ';
        line += quote_argument(argument);
    }
    return line;
}

} // namespace rustland::supervisor
