// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/explanation.hpp"

#include "rustland/common/clean_text.hpp"
#include "supervisor/config/written.hpp"

namespace rustland::supervisor {

using nlohmann::json;

namespace {

json places_json(const std::vector<Place>& places) {
    json out = json::array();
    for (const Place& place : places)
        out.push_back(place.text());
    return out;
}

json rules_json(const Explanation& explanation) {
    json rules = json::array();
    for (const RuleVerdict& rule : explanation.rules) {
        json keys = json::array();
        for (const KeyVerdict& key : rule.keys)
            keys.push_back({{"key", key.key},
                            {"matched", key.matched},
                            {"wanted", written_list(key.wanted)},
                            {"actual", CleanLine(key.actual)},
                            {"from", places_json(key.from)}});
        rules.push_back({{"rule", rule.rule},
                         {"file", rule.file},
                         {"line", rule.line},
                         {"enabled", rule.enabled},
                         {"enabled_from", places_json(rule.enabled_from)},
                         {"deny", rule.deny},
                         {"priority", rule.priority},
                         {"class", class_name(rule.workload_class)},
                         {"matched", rule.matched},
                         {"keys", keys}});
    }
    return rules;
}

} // namespace

json explanation_json(const ProcessInfo& process, const Explanation& explanation,
                      const Explanation& companions) {
    json out = {{"pid", process.key.pid.value},
                {"comm", CleanLine(process.comm)},
                {"name", CleanLine(process.name())},
                {"cmdline", CleanLine(process.cmdline())},
                {"denied", explanation.denied},
                {"decided_by", nullptr},
                {"member_of", nullptr},
                {"inherited", false},
                {"rules", rules_json(explanation)},
                {"companion", nullptr},
                {"companions", rules_json(companions)}};
    if (explanation.decided_by)
        out["decided_by"] = *explanation.decided_by;
    if (companions.decided_by)
        out["companion"] = *companions.decided_by;
    return out;
}

} // namespace rustland::supervisor
