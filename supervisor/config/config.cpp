// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"

#include "supervisor/config/keys.hpp"
#include "supervisor/match/process_info.hpp"

#include <algorithm>

namespace rustland::supervisor {
namespace {

template <typename Target> std::vector<std::string> names(const KeyTable<Target>& table) {
    std::vector<std::string> out;
    for (const auto& key : table)
        out.emplace_back(key.name);
    return out;
}

} // namespace

std::string SchedulerSpec::command() const {
    return args.empty() ? path : path + " " + join_arguments(args);
}

const Rule* Config::find_rule(std::string_view name) const {
    for (const Rule& rule : rules)
        if (rule.name == name)
            return &rule;
    return nullptr;
}

std::vector<Rule> Config::used_companions() const {
    std::vector<Rule> used;
    for (const Rule& companion : companions)
        if (std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
                return rule.enabled && rule.companions &&
                       std::find(rule.companions->begin(), rule.companions->end(),
                                 companion.name) != rule.companions->end();
            }))
            used.push_back(companion);
    return used;
}

SchedulerSpec Config::spec_for(const Rule& rule) const {
    SchedulerSpec spec = settings.scheduler;
    if (rule.scheduler && *rule.scheduler != spec.path)
        spec = {*rule.scheduler, {}};
    if (rule.scheduler_args)
        spec.args = *rule.scheduler_args;
    return spec;
}

bool Config::names(const SchedulerSpec& spec) const {
    return spec == settings.scheduler ||
           std::any_of(rules.begin(), rules.end(),
                       [&](const Rule& rule) { return spec == spec_for(rule); });
}

bool has_control_socket(const std::string& scheduler_path) {
    return file_name(scheduler_path) == "rustland";
}

std::vector<std::string> supervisor_keys() { return names(settings_table()); }
std::vector<std::string> workload_keys() { return names(workload_table()); }
std::vector<std::string> companion_keys() { return names(companion_table()); }

} // namespace rustland::supervisor
