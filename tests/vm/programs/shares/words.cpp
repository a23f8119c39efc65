// SPDX-License-Identifier: GPL-2.0-only
#include "shares/words.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <system_error>

namespace rustland::shares {
namespace {

constexpr std::string_view kBlanks = " \t\r";

struct Unit {
    std::string_view name;
    std::int64_t ns;
};
// "s" is the end of the others: it comes last.
constexpr Unit kUnits[] = {{"ns", 1}, {"us", 1000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};

std::string_view without_blanks(std::string_view text) {
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

} // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    return lines;
}

bool is_comment(std::string_view line) {
    const auto text = without_blanks(line);
    return text.empty() || text.front() == '#';
}

bool is_path(std::string_view text) {
    char before = '/';
    for (const char c : text) {
        if (c == '/' ? before == '/' : !is_name_character(c))
            return false;
        before = c;
    }
    return before != '/';
}

std::string Words::next() {
    left_ = without_blanks(left_);
    const auto end = std::min(left_.find_first_of(kBlanks), left_.size());
    const std::string word(left_.substr(0, end));
    left_ = left_.substr(end);
    return word;
}

std::vector<std::pair<std::string, std::string>> Words::rest() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::string word = next(); !word.empty(); word = next()) {
        const auto sign = word.find('=');
        pairs.emplace_back(word.substr(0, sign),
                           sign == std::string::npos ? "" : word.substr(sign + 1));
    }
    return pairs;
}

std::string Words::remainder() { return std::string(without_blanks(std::exchange(left_, {}))); }

Status read_number(std::string_view text, int least, int most, int& number) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
        return Error(fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
    number = value;
    return {};
}

Status read_number(std::string_view text, int least, int most, unsigned& number) {
    int value = 0;
    if (auto status = read_number(text, least, most, value); !status)
        return status;
    number = static_cast<unsigned>(value);
    return {};
}

Status read_time(std::string_view text, Nanos& time) {
    for (const Unit& unit : kUnits) {
        unsigned number = 0;
        if (text.ends_with(unit.name) &&
            read_number(text.substr(0, text.size() - unit.name.size()), 1, 1'000'000'000, number)) {
            time = Nanos{unit.ns} * number;
            if (time <= seconds(1000))
                return {};
        }
    }
    return Error(fmt::format("'{}' is not a time such as 500us, 3ms or 1s", text));
}

Status read_cpus(std::string_view text, std::vector<int>& cpus) {
    cpus.clear();
    for (;;) {
        const auto comma = text.find(',');
        if (auto status = read_number(text.substr(0, comma), 0, 1023, cpus.emplace_back()); !status)
            return status;
        if (comma == std::string_view::npos)
            return {};
        text = text.substr(comma + 1);
    }
}

std::string time_text(Nanos time) {
    const auto* unit = std::find_if(std::rbegin(kUnits), std::rend(kUnits),
                                    [time](const Unit& one) { return time.value % one.ns == 0; })
                           .base() -
                       1;
    return fmt::format("{}{}", time.value / unit->ns, unit->name);
}

} // namespace rustland::shares
