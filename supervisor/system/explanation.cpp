// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/explanation.hpp"

#include "rustland/common/clean_text.hpp"

namespace rustland::supervisor {

using nlohmann::json;

namespace {

json rules_json(const Explanation& explanation) {
    json rules = json::array();
    for (const RuleVerdict& rule : explanation.rules) {
        json keys = json::array();
        for (const KeyVerdict& key : rule.keys)
            keys.push_back({{"key", key.key},
                            {"matched", key.matched},
                            {"wanted", key.wanted},
                            {"actual", CleanLine(key.actual)}});
        rules.push_back({{"rule", rule.rule},
                         {"file", rule.file},
                         {"line", rule.line},
                         {"enabled", rule.enabled},
                         {"deny", rule.deny},
                         {"priority", rule.priority},
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
