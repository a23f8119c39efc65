// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/wide_rules.hpp"

#include "supervisor/match/matcher.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string_view>

namespace rustland::supervisor {
namespace {

// Programs that have nothing in common but their user: whatever takes all of them takes everything.
struct Example {
    const char* name;
    const char* cgroup;
};
constexpr std::array<Example, 3> kExamples{
    {{"bash", "/user.slice/user-1000.slice/session-2.scope"},
     {"firefox", "/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-7.scope"},
     {"gnome-shell",
      "/user.slice/user-1000.slice/user@1000.service/session.slice/gnome-shell.service"}}};

ProcessInfo process_like(const Example& example, const MatchKeys& keys) {
    const std::string name = example.name;
    ProcessInfo process;
    process.comm = name;
    process.argv = {"/usr/bin/" + name, "-l"};
    process.exe = "/usr/bin/" + name;
    process.cgroup = example.cgroup;
    process.uid = keys.user.empty() ? 1000 : keys.user.front().uid;
    process.ancestors = {{{}, "systemd", {"systemd"}, std::nullopt}};
    return process;
}

bool takes_everything(const Rule& rule) {
    const Matcher alone({rule});
    return std::all_of(kExamples.begin(), kExamples.end(), [&](const Example& example) {
        return alone.match(process_like(example, rule.keys)) != nullptr;
    });
}

// Where the one key stands that takes them, or the section where it has several.
Problem at_key(const Rule& rule, const char* kind, std::string text) {
    constexpr std::array<std::string_view, 8> names{"comm",   "program", "exe",      "cmdline",
                                                    "cgroup", "parent",  "ancestor", "user"};
    Problem note{rule.file, rule.line, fmt::format("{} {}", kind, rule.name), "", std::move(text)};
    int given = 0;
    for (const std::string_view name : names)
        if (const auto origin = rule.origins.find(std::string(name));
            origin != rule.origins.end() && !origin->second.empty()) {
            ++given;
            note.key = name;
            note.file = origin->second.back().file;
            note.line = origin->second.back().line;
        }
    if (given != 1) {
        note.key.clear();
        note.file = rule.file;
        note.line = rule.line;
    }
    return note;
}

const char* what_follows(const Rule& rule, bool companion) {
    if (companion || rule.workload_class == WorkloadClass::Background)
        return "; name the programs";
    if (rule.deny)
        return ", so that nothing counts as a game; name what is to be kept out";
    return ", so that the scheduler is always on and nothing comes before others; name the games";
}

void note_wide(const std::vector<Rule>& rules, bool companions, Problems& notes) {
    std::vector<std::string_view> names;
    for (const Example& example : kExamples)
        names.emplace_back(example.name);
    const std::string all =
        fmt::format("{} and {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
    for (const Rule& rule : rules)
        if (rule.enabled && !rule.keys.empty() && takes_everything(rule))
            notes.push_back(at_key(rule, companions ? "companion" : "workload",
                                   fmt::format("takes every program of a user ({} among them){}",
                                               all, what_follows(rule, companions))));
}

} // namespace

Problems notes_on_wide_rules(const Config& config) {
    Problems notes;
    note_wide(config.rules, false, notes);
    note_wide(config.companions, true, notes);
    return notes;
}

bool nothing_counts(const Config& config) {
    return config.settings.default_action == DefaultAction::None &&
           std::none_of(config.rules.begin(), config.rules.end(),
                        [](const Rule& rule) { return rule.enabled && !rule.deny; });
}

} // namespace rustland::supervisor
