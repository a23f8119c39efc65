// SPDX-License-Identifier: GPL-2.0-only
#include "bench/text_table.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::bench {

std::string aligned(const Cells& cells, std::size_t left) {
    std::vector<std::size_t> widths;
    for (const auto& row : cells) {
        widths.resize(std::max(widths.size(), row.size()), 0);
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : cells) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0)
                line += "  ";
            line += i < left ? fmt::format("{:<{}}", row[i], widths[i])
                             : fmt::format("{:>{}}", row[i], widths[i]);
        }
        line.resize(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string markdown(const Cells& cells, std::size_t left) {
    std::string text;
    for (std::size_t r = 0; r < cells.size(); ++r) {
        for (const auto& cell : cells[r])
            text += fmt::format("| {} ", cell);
        text += "|\n";
        if (r > 0)
            continue;
        for (std::size_t i = 0; i < cells[r].size(); ++i)
            text += i < left ? "|---" : "|--:";
        text += "|\n";
    }
    return text;
}

std::string csv(const Cells& cells) {
    std::string text;
    for (const auto& row : cells) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0)
                text += ',';
            if (row[i].find_first_of(",\"\n") == std::string::npos) {
                text += row[i];
                continue;
            }
            text += '"';
            for (const char c : row[i])
                text += c == '"' ? std::string("\"\"") : std::string(1, c);
            text += '"';
        }
        text += '\n';
    }
    return text;
}

} // namespace rustland::bench
