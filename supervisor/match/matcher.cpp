// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/matcher.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rustland::supervisor {
namespace {

bool any_matches(const std::vector<Pattern>& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& p) { return p.matches(text); });
}

bool any_names(const std::vector<Pattern>& patterns, const std::vector<std::string>& names) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& p) {
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return is_windows_program(name) ? p.matches_any_case(name) : p.matches(name);
        });
    });
}

bool names_ancestor(const std::vector<Pattern>& patterns, const Ancestor& ancestor) {
    return any_matches(patterns, ancestor.comm) || any_names(patterns, ancestor.programs);
}

std::string list_text(const std::vector<Pattern>& patterns) {
    std::vector<std::string> texts;
    texts.reserve(patterns.size());
    for (const Pattern& p : patterns)
        texts.push_back(p.text());
    return fmt::format("{}", fmt::join(texts, ", "));
}

std::string ancestor_text(const Ancestor& ancestor) {
    return fmt::format("{} ({})", ancestor.comm, ancestor.key.pid.value);
}

std::optional<std::uint32_t> inherited_appid(const ProcessInfo& process) {
    if (process.steam_appid)
        return process.steam_appid;
    for (const Ancestor& ancestor : process.ancestors)
        if (ancestor.steam_appid)
            return ancestor.steam_appid;
    return std::nullopt;
}

// The keys of a rule, each as a test and as two texts. Matching and explaining walk the same list,
// so that an explanation can never differ from what was decided.
struct RuleKey {
    const char* name;
    bool (*given)(const MatchKeys&);
    bool (*holds)(const MatchKeys&, const ProcessInfo&);
    std::string (*wanted)(const MatchKeys&);
    std::string (*actual)(const ProcessInfo&);
};

const std::string kUnknown = "(not readable)";

// Cheap tests first.
const RuleKey kKeys[] = {
    {"comm", [](const MatchKeys& k) { return !k.comm.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_matches(k.comm, p.comm); },
     [](const MatchKeys& k) { return list_text(k.comm); },
     [](const ProcessInfo& p) { return p.comm; }},
    {"user", [](const MatchKeys& k) { return !k.user.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return std::any_of(k.user.begin(), k.user.end(),
                            [&](const UserMatch& u) { return p.uid == u.uid; });
     },
     [](const MatchKeys& k) {
         std::vector<std::string> texts;
         for (const UserMatch& u : k.user)
             texts.push_back(u.text);
         return fmt::format("{}", fmt::join(texts, ", "));
     },
     [](const ProcessInfo& p) { return p.uid ? fmt::format("{}", *p.uid) : kUnknown; }},
    {"program", [](const MatchKeys& k) { return !k.program.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_names(k.program, p.programs()); },
     [](const MatchKeys& k) { return list_text(k.program); },
     [](const ProcessInfo& p) { return fmt::format("{}", fmt::join(p.programs(), ", ")); }},
    {"exe", [](const MatchKeys& k) { return !k.exe.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return p.exe && any_matches(k.exe, *p.exe); },
     [](const MatchKeys& k) { return list_text(k.exe); },
     [](const ProcessInfo& p) { return p.exe.value_or(kUnknown); }},
    {"cgroup", [](const MatchKeys& k) { return !k.cgroup.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return p.cgroup && any_matches(k.cgroup, *p.cgroup);
     },
     [](const MatchKeys& k) { return list_text(k.cgroup); },
     [](const ProcessInfo& p) { return p.cgroup.value_or(kUnknown); }},
    {"steam_appid", [](const MatchKeys& k) { return !k.steam_appid.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         const auto appid = inherited_appid(p);
         return appid &&
                std::any_of(k.steam_appid.begin(), k.steam_appid.end(),
                            [&](const SteamMatch& m) { return !m.appid || m.appid == appid; });
     },
     [](const MatchKeys& k) {
         std::vector<std::string> texts;
         for (const SteamMatch& m : k.steam_appid)
             texts.push_back(m.appid ? fmt::format("{}", *m.appid) : "*");
         return fmt::format("{}", fmt::join(texts, ", "));
     },
     [](const ProcessInfo& p) {
         const auto appid = inherited_appid(p);
         return appid ? fmt::format("{}", *appid) : std::string("none");
     }},
    {"parent", [](const MatchKeys& k) { return !k.parent.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return !p.ancestors.empty() && names_ancestor(k.parent, p.ancestors.front());
     },
     [](const MatchKeys& k) { return list_text(k.parent); },
     [](const ProcessInfo& p) {
         return p.ancestors.empty() ? std::string("none") : ancestor_text(p.ancestors.front());
     }},
    {"ancestor", [](const MatchKeys& k) { return !k.ancestor.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return std::any_of(p.ancestors.begin(), p.ancestors.end(),
                            [&](const Ancestor& a) { return names_ancestor(k.ancestor, a); });
     },
     [](const MatchKeys& k) { return list_text(k.ancestor); },
     [](const ProcessInfo& p) {
         std::vector<std::string> texts;
         for (const Ancestor& a : p.ancestors)
             texts.push_back(ancestor_text(a));
         return texts.empty() ? std::string("none") : fmt::format("{}", fmt::join(texts, " < "));
     }},
    {"cmdline", [](const MatchKeys& k) { return !k.cmdline.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_matches(k.cmdline, p.cmdline()); },
     [](const MatchKeys& k) { return list_text(k.cmdline); },
     [](const ProcessInfo& p) { return p.cmdline(); }},
};

bool rule_matches(const Rule& rule, const ProcessInfo& process) {
    if (!rule.enabled || rule.keys.empty())
        return false;
    return std::all_of(std::begin(kKeys), std::end(kKeys), [&](const RuleKey& key) {
        return !key.given(rule.keys) || key.holds(rule.keys, process);
    });
}

} // namespace

namespace {

bool wants_active_session(const Rule& rule) {
    return !rule.deny && rule.session == SessionCondition::Active;
}

bool session_holds(const Rule& rule, const ProcessInfo& process, const SessionTest& seated) {
    return !wants_active_session(rule) || !seated || seated(process);
}

} // namespace

Matcher::Matcher(std::vector<Rule> rules) : rules_(std::move(rules)) {
    std::stable_sort(rules_.begin(), rules_.end(), [](const Rule& a, const Rule& b) {
        if (a.priority != b.priority)
            return a.priority > b.priority;
        return a.deny && !b.deny;
    });
    for (const Rule& rule : rules_) {
        if (!rule.enabled)
            continue;
        const MatchKeys& k = rule.keys;
        needs_.argv = needs_.argv || !k.program.empty() || !k.cmdline.empty();
        needs_.exe = needs_.exe || !k.exe.empty();
        needs_.cgroup = needs_.cgroup || !k.cgroup.empty();
        needs_.uid = needs_.uid || !k.user.empty();
        needs_.parent = needs_.parent || !k.parent.empty();
        needs_.ancestors = needs_.ancestors || !k.ancestor.empty();
        needs_.steam_appid = needs_.steam_appid || !k.steam_appid.empty();
    }
}

const Rule* Matcher::match(const ProcessInfo& process, const SessionTest& seated) const {
    for (const Rule& rule : rules_)
        if (rule_matches(rule, process) && session_holds(rule, process, seated))
            return &rule;
    return nullptr;
}

Explanation Matcher::explain(const ProcessInfo& process, const SessionTest& seated) const {
    Explanation out;
    for (const Rule& rule : rules_) {
        RuleVerdict verdict{rule.name,
                            rule.file,
                            rule.line,
                            rule.enabled,
                            rule.deny,
                            rule.priority,
                            rule_matches(rule, process),
                            {}};
        for (const RuleKey& key : kKeys)
            if (key.given(rule.keys))
                verdict.keys.push_back({key.name, key.holds(rule.keys, process),
                                        key.wanted(rule.keys), key.actual(process)});
        if (verdict.matched && wants_active_session(rule)) {
            verdict.matched = session_holds(rule, process, seated);
            verdict.keys.push_back({"session", verdict.matched, "active",
                                    verdict.matched ? "its user sits at the machine"
                                                    : "its user does not sit at the machine"});
        }
        if (verdict.matched && !out.decided_by) {
            out.decided_by = rule.name;
            out.denied = rule.deny;
        }
        out.rules.push_back(std::move(verdict));
    }
    return out;
}

bool Matcher::wants_cgroup(std::string_view path) const {
    return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
        return rule.enabled && any_matches(rule.keys.cgroup, path);
    });
}

const Rule* Matcher::find(std::string_view name) const {
    for (const Rule& rule : rules_)
        if (rule.name == name)
            return &rule;
    return nullptr;
}

} // namespace rustland::supervisor
