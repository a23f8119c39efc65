// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/print.hpp"

#include "rustland/common/clean_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

namespace rustland::supervisor {

bool on_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

std::string coloured(std::string_view text, Colour colour) {
    static const bool colours = on_terminal() && std::getenv("NO_COLOR") == nullptr;
    constexpr std::array<const char*, 5> codes{"", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m"};
    const char* code = codes[static_cast<std::size_t>(colour)];
    if (!colours || *code == '\0')
        return std::string(text);
    return fmt::format("{}{}\x1b[0m", code, text);
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
    const bool align = on_terminal();
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths.resize(std::max(widths.size(), i + 1));
            widths[i] = std::max(widths[i], row[i].size());
        }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const bool last = i + 1 == row.size();
            line += align && !last ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
            if (!align && !last)
                line += '\t';
        }
        fmt::print("{}\n", line);
    }
}

void print_json(const nlohmann::json& value) {
    fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string local_time(std::int64_t ms) {
    const auto when = static_cast<std::time_t>(ms / 1000);
    std::tm parts{};
    ::localtime_r(&when, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
    return text.data();
}

std::string uptime(std::int64_t ms) {
    const std::int64_t s = ms / 1000;
    if (s < 60)
        return fmt::format("{}s", s);
    if (s < 3600)
        return fmt::format("{}min {}s", s / 60, s % 60);
    return fmt::format("{}h {}min", s / 3600, s / 60 % 60);
}

std::string user_name(uid_t uid) {
    const passwd* entry = ::getpwuid(uid);
    return entry != nullptr ? safe(entry->pw_name) : fmt::format("user {}", uid);
}

std::string safe(std::string_view text) { return CleanLine(text); }

} // namespace rustland::supervisor
