// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/written.hpp"

#include "supervisor/config/ini.hpp"
#include "supervisor/config/values.hpp"

namespace rustland::supervisor {

std::string literal_glob(const std::string& name) {
    std::string glob;
    for (const char c : name) {
        if (c == '*' || c == '?' || c == '[')
            glob += {'[', c, ']'};
        else
            glob += c;
    }
    return glob;
}

std::string list_item(const std::string& pattern) {
    std::string escaped;
    for (const char c : pattern)
        escaped += c == '"' ? "\\\"" : std::string(1, c);
    const bool quote =
        escaped.find_first_of(",\";") != std::string::npos || trim(escaped) != escaped;
    return quote ? "\"" + escaped + "\"" : escaped;
}

std::string written_list(const std::vector<std::string>& patterns) {
    std::string list;
    for (const std::string& pattern : patterns)
        list += (list.empty() ? "" : ", ") + list_item(pattern);
    return list;
}

bool can_be_written(const std::string& glob) {
    const std::string item = list_item(glob);
    // inih would cut the line at " ;", "~" begins an expression, and an item must fit on a line.
    return !glob.empty() && glob.front() != '~' && item.size() + 12 < kLongestLine &&
           item.find(" ;") == std::string::npos &&
           item.find_first_of("\r\n\t") == std::string::npos &&
           glob.find('\\') == std::string::npos;
}

} // namespace rustland::supervisor
