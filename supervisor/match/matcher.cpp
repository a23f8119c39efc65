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

std::vector<std::string> texts_of(const std::vector<Pattern>& patterns) {
    std::vector<std::string> texts;
    texts.reserve(patterns.size());
    for (const Pattern& p : patterns)
        texts.push_back(p.text());
    return texts;
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

std::string gpu_text(const std::optional<GpuUse>& gpu) {
    if (!gpu)
        return "(not looked at; only processes of users who sit at the machine are, at each scan)";
    switch (gpu->state) {
    case GpuUse::State::NoDevice:
        return "no graphics device open";
    case GpuUse::State::Hidden:
        return "unknown: rustlandd may not see what it has open (see gpu in rustland.conf(5))";
    case GpuUse::State::NotTold:
        return "unknown: the graphics driver tells no times";
    case GpuUse::State::FirstLook:
        return "unknown before the second look";
    case GpuUse::State::Known:
        break;
    }
    return fmt::format("{:.0f}%", gpu->percent);
}

// The keys of a rule, each as a test and as two texts. Matching and explaining walk the same list,
// so that an explanation can never differ from what was decided.
struct RuleKey {
    const char* name;
    bool (*given)(const MatchKeys&);
    bool (*holds)(const MatchKeys&, const ProcessInfo&);
    std::vector<std::string> (*wanted)(const MatchKeys&); // any of these
    std::string (*actual)(const ProcessInfo&);
};

constexpr const char* kGpuKey = "gpu";
const std::string kUnknown = "(not readable)";

// Cheap tests first.
const RuleKey kKeys[] = {
    {"comm", [](const MatchKeys& k) { return !k.comm.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_matches(k.comm, p.comm); },
     [](const MatchKeys& k) { return texts_of(k.comm); },
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
         return texts;
     },
     [](const ProcessInfo& p) { return p.uid ? fmt::format("{}", *p.uid) : kUnknown; }},
    {"program", [](const MatchKeys& k) { return !k.program.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_names(k.program, p.programs()); },
     [](const MatchKeys& k) { return texts_of(k.program); },
     [](const ProcessInfo& p) { return fmt::format("{}", fmt::join(p.programs(), ", ")); }},
    {"exe", [](const MatchKeys& k) { return !k.exe.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return p.exe && any_matches(k.exe, *p.exe); },
     [](const MatchKeys& k) { return texts_of(k.exe); },
     [](const ProcessInfo& p) { return p.exe.value_or(kUnknown); }},
    {"cgroup", [](const MatchKeys& k) { return !k.cgroup.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return p.cgroup && any_matches(k.cgroup, *p.cgroup);
     },
     [](const MatchKeys& k) { return texts_of(k.cgroup); },
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
         return texts;
     },
     [](const ProcessInfo& p) {
         const auto appid = inherited_appid(p);
         return appid ? fmt::format("{}", *appid) : std::string("none");
     }},
    {"parent", [](const MatchKeys& k) { return !k.parent.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return !p.ancestors.empty() && names_ancestor(k.parent, p.ancestors.front());
     },
     [](const MatchKeys& k) { return texts_of(k.parent); },
     [](const ProcessInfo& p) {
         return p.ancestors.empty() ? std::string("none") : ancestor_text(p.ancestors.front());
     }},
    {"ancestor", [](const MatchKeys& k) { return !k.ancestor.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return std::any_of(p.ancestors.begin(), p.ancestors.end(),
                            [&](const Ancestor& a) { return names_ancestor(k.ancestor, a); });
     },
     [](const MatchKeys& k) { return texts_of(k.ancestor); },
     [](const ProcessInfo& p) {
         std::vector<std::string> texts;
         for (const Ancestor& a : p.ancestors)
             texts.push_back(ancestor_text(a));
         return texts.empty() ? std::string("none") : fmt::format("{}", fmt::join(texts, " < "));
     }},
    {"cmdline", [](const MatchKeys& k) { return !k.cmdline.empty(); },
     [](const MatchKeys& k, const ProcessInfo& p) { return any_matches(k.cmdline, p.cmdline()); },
     [](const MatchKeys& k) { return texts_of(k.cmdline); },
     [](const ProcessInfo& p) { return p.cmdline(); }},
    {kGpuKey, [](const MatchKeys& k) { return k.gpu_percent.has_value(); },
     [](const MatchKeys& k, const ProcessInfo& p) {
         return p.gpu && p.gpu->state == GpuUse::State::Known && p.gpu->percent >= *k.gpu_percent;
     },
     [](const MatchKeys& k) {
         return std::vector<std::string>{fmt::format("at least {}%", *k.gpu_percent)};
     },
     [](const ProcessInfo& p) { return gpu_text(p.gpu); }},
};

bool rule_matches(const Rule& rule, const ProcessInfo& process, bool but_for_gpu = false) {
    if (!rule.enabled || rule.keys.empty())
        return false;
    return std::all_of(std::begin(kKeys), std::end(kKeys), [&](const RuleKey& key) {
        return (but_for_gpu && key.name == kGpuKey) || !key.given(rule.keys) ||
               key.holds(rule.keys, process);
    });
}

} // namespace

namespace {

std::vector<Place> origin_of(const Rule& rule, std::string_view key) {
    const auto found = rule.origins.find(key);
    return found == rule.origins.end() ? std::vector<Place>{} : found->second;
}

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
        // A program's name is also that of its executable.
        needs_.exe = needs_.exe || !k.exe.empty() || !k.program.empty();
        needs_.cgroup = needs_.cgroup || !k.cgroup.empty();
        needs_.uid = needs_.uid || !k.user.empty();
        // Where nothing can be found by it, what would be denied by it need not be known.
        needs_.gpu = needs_.gpu || (k.gpu_percent && !rule.deny);
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
                            rule.workload_class,
                            rule_matches(rule, process),
                            {},
                            origin_of(rule, "enabled")};
        for (const RuleKey& key : kKeys)
            if (key.given(rule.keys))
                verdict.keys.push_back({key.name, key.holds(rule.keys, process),
                                        key.wanted(rule.keys), key.actual(process),
                                        origin_of(rule, key.name)});
        if (verdict.matched && wants_active_session(rule)) {
            verdict.matched = session_holds(rule, process, seated);
            verdict.keys.push_back({"session",
                                    verdict.matched,
                                    {"active"},
                                    verdict.matched ? "its user sits at the machine"
                                                    : "its user does not sit at the machine",
                                    origin_of(rule, "session")});
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

bool Matcher::waits_for_gpu(const ProcessInfo& process, const SessionTest& seated) const {
    if (!needs_.gpu)
        return false;
    for (const Rule& rule : rules_)
        // The first that could take it decides: it asks, or no later one is asked.
        if (rule_matches(rule, process, true) && session_holds(rule, process, seated))
            return rule.keys.gpu_percent.has_value();
    return false;
}

const Rule* Matcher::find(std::string_view name) const {
    for (const Rule& rule : rules_)
        if (rule.name == name)
            return &rule;
    return nullptr;
}

} // namespace rustland::supervisor
