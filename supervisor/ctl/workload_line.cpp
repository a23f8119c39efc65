// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/workload_line.hpp"

#include "supervisor/ctl/status_view.hpp"

#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

std::string workload_line(const json& workload) {
    const std::string of_class = field_text(workload, "class");
    const bool game = of_class.empty() || of_class == "foreground";
    const std::string rule = field_text(workload, "rule");
    const std::string count = field_text(workload, "processes");
    const std::string more =
        count.empty() || count == "1" ? "" : fmt::format(", {} processes", count);
    // Another user's game has no name here, and neither has one of a daemon that was not restarted
    // yet.
    const std::string name = field_text(workload, "name");
    const std::string what = name.empty() ? fmt::format("one of the rule {}{}", rule, more)
                                          : fmt::format("{} (process {}, rule {}{})", name,
                                                        field_text(workload, "pid"), rule, more);
    return fmt::format("{:<12}{}{}", game ? "game:" : "workload:", what,
                       game ? "" : fmt::format(", {}", of_class));
}

std::vector<std::string> lines_of_others(const json& status) {
    std::vector<std::string> lines;
    for (const json& workload : status.value("workloads", json::array()))
        if (workload.contains("name") && workload["name"].is_null())
            lines.push_back(workload_line(workload));
    return lines;
}

} // namespace rustland::supervisor
