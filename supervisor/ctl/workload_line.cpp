// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/workload_line.hpp"

#include "supervisor/ctl/print.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

std::string text(const json& value, const char* key) {
    const auto it = value.find(key);
    if (it == value.end() || it->is_null())
        return "";
    return safe(it->is_string() ? it->get<std::string>() : it->dump());
}

} // namespace

std::string workload_line(const json& workload) {
    const std::string of_class = text(workload, "class");
    const bool game = of_class.empty() || of_class == "foreground";
    const std::string rule = text(workload, "rule");
    const std::string count = text(workload, "processes");
    const std::string more =
        count.empty() || count == "1" ? "" : fmt::format(", {} processes", count);
    // Another user's game has no name here, and neither has one of a daemon that was not restarted
    // yet.
    const std::string name = text(workload, "name");
    const std::string what = name.empty() ? fmt::format("one of the rule {}{}", rule, more)
                                          : fmt::format("{} (process {}, rule {}{})", name,
                                                        text(workload, "pid"), rule, more);
    return fmt::format("{:<12}{}{}", game ? "game:" : "workload:", what,
                       game ? "" : fmt::format(", {}", of_class));
}

} // namespace rustland::supervisor
