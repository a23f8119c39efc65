// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/explain_view.hpp"

#include "supervisor/config/values.hpp"
#include "supervisor/config/written.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/status_view.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string_view>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::size_t kItems = 3;    // of a list
constexpr std::size_t kText = 60;    // bytes of a command line or a path
constexpr std::size_t kOwnRules = 5; // an imported list has many
constexpr std::size_t kColumns = 79;

bool is(const json& value, const char* key) { return value.value(key, json()) == true; }

std::string subject(const json& e) {
    const std::string name = field_text(e, "name");
    return fmt::format("{} (process {})", name.empty() ? field_text(e, "comm") : name,
                       field_text(e, "pid"));
}

const json* rule_named(const json& e, const std::string& name) {
    for (const json& rule : e["rules"])
        if (field_text(rule, "rule") == name)
            return &rule;
    return nullptr;
}

// "a game", or what else the rule makes of a process.
std::string kind_of(const json& e, const std::string& rule) {
    const json* found = rule_named(e, rule);
    const std::string of_class = found == nullptr ? "" : field_text(*found, "class");
    if (of_class == "background" || of_class == "normal")
        return fmt::format("a workload of the class {}", of_class);
    return "a game";
}

std::string verdict(const json& e, const ExplainView& view) {
    const std::string decided = field_text(e, "decided_by");
    const std::string member = field_text(e, "member_of");
    if (!member.empty() && is(e, "inherited"))
        return fmt::format("{} counts as {} by the rule {}, as a child of a process that does",
                           subject(e), kind_of(e, member), member);
    if (!member.empty() && member == decided)
        return fmt::format("{} counts as {}, by the rule {}", subject(e), kind_of(e, member),
                           member);
    if (!member.empty())
        return fmt::format("{} counts as {} by the rule {}, which it matched when it began",
                           subject(e), kind_of(e, member), member);
    if (is(e, "denied"))
        return fmt::format("{} is no game: the rule {} keeps it out", subject(e), decided);
    if (!decided.empty() && view.by_daemon)
        return fmt::format("{} will count as {}, by the rule {}, when it is next looked at",
                           subject(e), kind_of(e, decided), decided);
    if (!decided.empty())
        return fmt::format("{} would count as {}, by the rule {}", subject(e), kind_of(e, decided),
                           decided);
    if (const json* rule = rule_for_the_seated(e))
        return fmt::format("{} is no game: the rule {} is for users who sit at the machine",
                           subject(e), field_text(*rule, "rule"));
    if (!field_text(e, "companion").empty())
        return fmt::format("{} is the companion {}, while a game that names it is in the "
                           "foreground",
                           subject(e), field_text(e, "companion"));
    return subject(e) + " is no game: no rule matches";
}

// Not in the middle of a character (UTF-8).
std::string cut_text(std::string value, const ExplainView& view) {
    if (view.all || value.size() <= kText)
        return value;
    std::size_t end = kText;
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U)
        --end;
    return value.substr(0, end) + "…";
}

// "a, b, c and 36 more", what the process is called first.
std::string cut_list(const json& key, const ExplainView& view) {
    const std::string whole = field_text(key, "wanted");
    auto items = parse_list(whole);
    if (view.all || !items || items->size() <= kItems + 1)
        return whole;
    const auto called = parse_list(field_text(key, "actual"));
    if (called)
        std::stable_partition(items->begin(), items->end(), [&](const std::string& item) {
            return std::find(called->begin(), called->end(), item) != called->end();
        });
    const std::vector<std::string> first(items->begin(), items->begin() + kItems);
    return fmt::format("{} and {} more", written_list(first), items->size() - kItems);
}

std::string places(const json& from) {
    std::vector<std::string> texts;
    if (from.is_array())
        for (const json& place : from)
            if (place.is_string())
                texts.push_back(safe(place.get<std::string>()));
    return fmt::format("{}", fmt::join(texts, ", "));
}

// The origin behind the text, or below it where the line would be too long.
void with_origin(std::vector<std::string>& lines, std::string line, const std::string& origin) {
    if (origin.empty()) {
        lines.push_back(std::move(line));
        return;
    }
    const bool fits = line.size() + origin.size() + 3 <= kColumns;
    if (fits)
        line += " (" + origin + ")";
    lines.push_back(std::move(line));
    if (!fits)
        lines.push_back("        (" + origin + ")");
}

void rule_lines(std::vector<std::string>& lines, const json& rule, const std::string& kind,
                const ExplainView& view) {
    const bool matched = is(rule, "matched");
    const std::string name = kind + field_text(rule, "rule") + (is(rule, "deny") ? " [deny]" : "");
    if (!is(rule, "enabled")) {
        const std::string origin = places(rule.value("enabled_from", json()));
        with_origin(lines, fmt::format("  {} is {}", name, coloured("disabled", Colour::Note)),
                    origin);
    } else {
        lines.push_back(fmt::format("  {} {}", name,
                                    coloured(matched ? "matches" : "does not match",
                                             matched ? Colour::Good : Colour::Dim)));
    }
    for (const json& key : rule["keys"])
        with_origin(lines,
                    fmt::format("    {} {}: {}{}; wanted {}", is(key, "matched") ? "+" : "-",
                                field_text(key, "key"),
                                field_text(key, "key") == "session" ? "" : "is ",
                                cut_text(field_text(key, "actual"), view), cut_list(key, view)),
                    places(key.value("from", json())));
}

bool is_own(const json& rule, const ExplainView& view) {
    const auto from_there = [&](const std::string& place) {
        return !view.own_folder.empty() && place.starts_with(view.own_folder + "/");
    };
    if (from_there(field_text(rule, "file")))
        return true;
    const auto any_from_there = [&](const json& from) {
        return from.is_array() && std::any_of(from.begin(), from.end(), [&](const json& place) {
                   return place.is_string() && from_there(place.get<std::string>());
               });
    };
    return any_from_there(rule.value("enabled_from", json())) ||
           std::any_of(rule["keys"].begin(), rule["keys"].end(),
                       [&](const json& key) { return any_from_there(key.value("from", json())); });
}

// Only how busy it keeps the graphics processor is missing, or not known.
bool waits_for_gpu(const json& rule) {
    if (!is(rule, "enabled") || is(rule, "matched") || rule["keys"].size() < 2)
        return false;
    return std::all_of(rule["keys"].begin(), rule["keys"].end(), [](const json& key) {
        return is(key, "matched") || field_text(key, "key") == "gpu";
    });
}

std::string rules_word(std::size_t count) {
    return fmt::format("{} other rule{}", count, count == 1 ? "" : "s");
}

} // namespace

const json* rule_for_the_seated(const json& e) {
    if (!field_text(e, "decided_by").empty() || !field_text(e, "member_of").empty())
        return nullptr;
    for (const json& rule : e["rules"]) {
        if (!is(rule, "enabled") || rule["keys"].empty())
            continue;
        const json& last = rule["keys"].back();
        if (field_text(last, "key") == "session" && !is(last, "matched"))
            return &rule;
    }
    return nullptr;
}

bool is_unclaimed(const json& e) {
    return field_text(e, "decided_by").empty() && field_text(e, "member_of").empty() &&
           field_text(e, "companion").empty() && rule_for_the_seated(e) == nullptr;
}

std::vector<std::string> explain_lines(const json& e, const ExplainView& view) {
    std::vector<std::string> lines{verdict(e, view)};
    // Where it counts and the scheduler is off all the same.
    if (!field_text(e, "waits").empty())
        lines.push_back("  the scheduler is off: " + field_text(e, "waits"));
    if (!field_text(e, "cmdline").empty())
        lines.push_back("  its command: " + cut_text(field_text(e, "cmdline"), view));
    std::vector<const json*> own;
    std::vector<const json*> others;
    const json* waits = rule_for_the_seated(e);
    const std::string decided =
        waits == nullptr ? field_text(e, "decided_by") : field_text(*waits, "rule");
    for (const json& rule : e["rules"]) {
        if (field_text(rule, "rule") == decided)
            rule_lines(lines, rule, "", view);
        else
            (is_own(rule, view) || waits_for_gpu(rule) ? own : others).push_back(&rule);
    }
    std::size_t shown = 0;
    for (const json* rule : own)
        if (shown < kOwnRules || view.all) {
            rule_lines(lines, *rule, "", view);
            ++shown;
        }
    std::size_t matching = 0;
    if (view.all)
        for (const json* rule : others)
            rule_lines(lines, *rule, "", view);
    else
        matching = static_cast<std::size_t>(std::count_if(
            others.begin(), others.end(), [](const json* rule) { return is(*rule, "matched"); }));
    const json companions = e.value("companions", json::array());
    for (const json& companion : companions)
        if (view.all || is(companion, "matched"))
            rule_lines(lines, companion, "companion ", view);
    const std::size_t left = view.all ? 0 : own.size() - shown + others.size();
    if (matching > 0)
        lines.push_back(fmt::format("  {} would match, too, and come{} later", rules_word(matching),
                                    matching == 1 ? "s" : ""));
    if (left > matching)
        lines.push_back(fmt::format("  {} do{} not match (--all shows them)",
                                    rules_word(left - matching), left - matching == 1 ? "es" : ""));
    return lines;
}

} // namespace rustland::supervisor
