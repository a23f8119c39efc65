// SPDX-License-Identifier: GPL-2.0-only
// INI text to raw entries. inih does the parsing; what it would silently cut, join or drop (lines
// over its limit, long names, continued values, text after a semicolon, bytes after a NUL) is found
// line by line before inih sees it and refused.
#pragma once

#include "supervisor/config/problem.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

struct RawValue {
    int line = 0;
    std::string text;
};

// One "key = value" or "key += value". Indented lines below it continue the value: more than one
// part, allowed, as "+=" is, only where the key takes a list.
struct RawEntry {
    std::string file;
    int line = 0;
    std::string section;
    std::string key;
    std::vector<RawValue> parts;
    bool adds = false; // "+="
};

struct RawSection {
    std::string file;
    int line = 0;
    std::string name;
};

struct RawFile {
    std::vector<RawSection> sections;
    std::vector<RawEntry> entries;
    Problems problems;
};

// The longest line that inih reads whole.
inline constexpr std::size_t kLongestLine = 198;

RawFile parse_ini(std::string_view text, const std::string& file);

} // namespace rustland::supervisor
