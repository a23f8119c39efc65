// SPDX-License-Identifier: GPL-2.0-only
#include "shares/result.hpp"

#include "shares/words.hpp"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rustland::shares {
namespace {

using nlohmann::json;

// To a thousandth: more digits would be noise.
double rounded(double value) { return std::round(value * 1000) / 1000; }

std::vector<double> rounded(std::vector<double> values) {
    for (double& value : values)
        value = rounded(value);
    return values;
}

// Throws json::exception when something is missing or of another type.
Run from_json(const json& line) {
    Run run;
    run.configuration = line.at("configuration").get<std::string>();
    run.about = line.at("about").get<std::string>();
    run.scheduler = line.at("scheduler").get<std::string>();
    run.kernel = line.at("kernel").get<std::string>();
    run.cgroup_mode = line.at("cgroup_mode").get<std::string>();
    run.cpus = line.at("cpus").get<unsigned>();
    run.seed = line.at("seed").get<std::uint64_t>();
    run.seconds = line.at("seconds").get<double>();
    run.others = line.at("others").get<double>();
    run.idle = line.at("idle").get<double>();
    for (const json& group : line.at("groups"))
        run.groups.push_back({.path = group.at("path").get<std::string>(),
                              .percent = group.at("percent").get<double>(),
                              .single = group.at("single").get<bool>()});
    for (const json& tasks : line.at("tasks"))
        run.tasks.push_back({.group = tasks.at("group").get<std::string>(),
                             .label = tasks.at("label").get<std::string>(),
                             .percent = tasks.at("percent").get<std::vector<double>>()});
    return run;
}

} // namespace

std::string to_json(const Run& run) {
    json groups = json::array();
    for (const GroupShare& group : run.groups)
        groups.push_back(
            {{"path", group.path}, {"percent", rounded(group.percent)}, {"single", group.single}});
    json tasks = json::array();
    for (const TaskShares& line : run.tasks)
        tasks.push_back(
            {{"group", line.group}, {"label", line.label}, {"percent", rounded(line.percent)}});
    return json{{"configuration", run.configuration},
                {"about", run.about},
                {"scheduler", run.scheduler},
                {"kernel", run.kernel},
                {"cgroup_mode", run.cgroup_mode},
                {"cpus", run.cpus},
                {"seed", run.seed},
                {"seconds", rounded(run.seconds)},
                {"others", rounded(run.others)},
                {"idle", rounded(run.idle)},
                {"groups", groups},
                {"tasks", tasks}}
        .dump();
}

Result<std::vector<Run>> runs_from_json(std::string_view text) {
    std::vector<Run> runs;
    unsigned number = 0;
    for (const std::string_view line : lines_of(text)) {
        ++number;
        if (line.empty())
            continue;
        try {
            runs.push_back(from_json(json::parse(line)));
        } catch (const json::exception& error) {
            return Error(
                fmt::format("line {}: not a result of share-oracle: {}", number, error.what()));
        }
    }
    return runs;
}

} // namespace rustland::shares
