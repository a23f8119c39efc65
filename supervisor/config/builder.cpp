// SPDX-License-Identifier: GPL-2.0-only
// Layers of configuration files to one validated value.
#include "supervisor/config/config.hpp"
#include "supervisor/config/keys.hpp"
#include "supervisor/config/notes.hpp"
#include "supervisor/config/wide_rules.hpp"

#include "rustland/common/closest.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <tuple>

namespace rustland::supervisor {
namespace {

constexpr std::string_view kMatchKeys =
    "comm, program, exe, cmdline, cgroup, steam_appid, parent, ancestor, user";

// In the order of the files, and of the lines in each.
void sort_by_place(Problems& problems, const std::vector<RawFile>& files) {
    std::map<std::string, std::size_t> order;
    for (const RawFile& file : files) {
        for (const Problem& p : file.problems)
            order.emplace(p.file, order.size());
        for (const RawSection& s : file.sections)
            order.emplace(s.file, order.size());
    }
    std::stable_sort(problems.begin(), problems.end(), [&](const Problem& a, const Problem& b) {
        return std::tuple(order[a.file], a.line) < std::tuple(order[b.file], b.line);
    });
}

template <typename Target>
const Key<Target>* find_key(const KeyTable<Target>& table, std::string_view name) {
    const auto key =
        std::find_if(table.begin(), table.end(), [&](const auto& k) { return k.name == name; });
    return key == table.end() ? nullptr : &*key;
}

template <typename Target>
std::string suggestion(const std::string& wrong, const KeyTable<Target>& table) {
    std::vector<std::string> names;
    for (const auto& key : table)
        names.emplace_back(key.name);
    return proposal(wrong, names);
}

class Builder {
  public:
    Builder(const UserLookup& lookup, const ProgramLookup& has_program)
        : context_{lookup, has_program} {}

    BuiltConfig build(const std::vector<RawFile>& files) {
        for (const RawFile& file : files)
            out_.problems.insert(out_.problems.end(), file.problems.begin(), file.problems.end());
        out_.sections = lay_over(files);
        for (const LayeredSection& section : out_.sections) {
            if (section.name == kSupervisorSection)
                apply_supervisor(section);
            else if (names_one(section.name, kWorkloadPrefix))
                apply_workload(section);
            else if (names_one(section.name, kCompanionPrefix))
                apply_companion(section);
            else
                unknown_section(section);
        }
        check_together();
        out_.notes = notes_on(out_.sections);
        for (Problem& note : notes_on_wide_rules(out_.config))
            out_.notes.push_back(std::move(note));
        sort_by_place(out_.problems, files);
        sort_by_place(out_.notes, files);
        return std::move(out_);
    }

  private:
    void problem(const RawEntry& entry, const std::string& text) {
        out_.problems.push_back({entry.file, entry.line, entry.section, entry.key, text});
    }

    void problem(const LayeredSection& section, const std::string& key, const std::string& text) {
        out_.problems.push_back({section.begun.file, section.begun.line, section.name, key, text});
    }

    void unknown_section(const LayeredSection& section) {
        const bool nameless = section.name == "workload" || section.name == "companion";
        problem(section, "",
                nameless ? fmt::format("a name is missing; write [{} NAME]", section.name)
                         : "unknown section; there are [supervisor], [workload NAME] and "
                           "[companion NAME]");
    }

    // Whether nothing is wrong so far, so that what else is found does not follow from that.
    [[nodiscard]] bool good(const LayeredSection& section) const {
        return std::none_of(out_.problems.begin(), out_.problems.end(),
                            [&](const Problem& p) { return p.section == section.name; });
    }

    template <typename Target>
    Status set(const Key<Target>& key, Target& target, const std::string& value) const {
        if (value.empty())
            return {}; // taken back: the default holds
        Status status = key.set(target, value, context_);
        if (!status && value.find(" #") != std::string::npos)
            return Error(status.error().message() + "; a comment stands on a line of its own");
        return status;
    }

    // What is wrong with one entry by itself, if something is. `key`: null where there is none of
    // that name.
    template <typename Target>
    bool takes(const RawEntry& entry, const Key<Target>* key, Target& target,
               const KeyTable<Target>& table) {
        if (key == nullptr) {
            problem(entry, fmt::format("unknown key{}", suggestion(entry.key, table)));
            return false;
        }
        if (entry.parts.size() > 1 && !key->continues) {
            problem(entry, fmt::format("line {} is indented and would continue this value, which "
                                       "takes one line",
                                       entry.parts[1].line));
            return false;
        }
        if (entry.adds && !key->continues) {
            problem(entry, fmt::format("holds one value, to which nothing can be added; write {} =",
                                       entry.key));
            return false;
        }
        const std::string value = value_of(entry, key->separator);
        if (entry.adds && value.empty()) {
            problem(entry, "adds nothing; write what is to be added after +=");
            return false;
        }
        const Status status = set(*key, target, value);
        if (!status)
            problem(entry, status.error().message());
        return static_cast<bool>(status);
    }

    template <typename Target>
    void apply(const LayeredKey& layers, Target& target, const KeyTable<Target>& table) {
        const Key<Target>* key = find_key(table, layers.name);
        // What a later file has replaced has to be right, too: an error is an error in its own
        // file.
        for (const RawEntry& entry : layers.replaced) {
            Target scratch;
            takes(entry, key, scratch, table);
        }
        if (layers.given.size() == 1) {
            takes(layers.given.front(), key, target, table);
            return;
        }
        bool each_good = true;
        for (const RawEntry& entry : layers.given) {
            Target scratch;
            each_good = takes(entry, key, scratch, table) && each_good;
        }
        if (!each_good)
            return;
        if (const Status status = set(*key, target, layers.value(key->separator)); !status)
            problem(layers.given.back(), status.error().message());
    }

    static Rule rule_at(const LayeredSection& section, std::string_view prefix) {
        Rule rule;
        rule.name = section.name.substr(prefix.size());
        rule.file = section.begun.file;
        rule.line = section.begun.line;
        rule.origins = section.origins();
        return rule;
    }

    void apply_supervisor(const LayeredSection& section) {
        for (const LayeredKey& key : section.keys)
            apply(key, out_.config.settings, settings_table());
        const Settings& s = out_.config.settings;
        if (!good(section) || s.restart_initial <= s.restart_max)
            return;
        // One of the two was given, or the defaults would hold.
        const LayeredKey* longest = section.find("restart_max");
        if (longest != nullptr)
            problem(longest->given.back(), "is shorter than restart_initial");
        else
            problem(section.find("restart_initial")->given.back(),
                    fmt::format("is longer than restart_max, {}", format_duration(s.restart_max)));
    }

    void apply_workload(const LayeredSection& section) {
        Rule rule = rule_at(section, kWorkloadPrefix);
        // Deny rules come before others unless they say otherwise, whatever the order of keys.
        if (const LayeredKey* deny = section.find("deny"))
            apply(*deny, rule, workload_table());
        rule.priority = rule.deny ? kDenyPriority : 0;
        for (const LayeredKey& key : section.keys)
            if (key.name != "deny")
                apply(key, rule, workload_table());
        if (good(section))
            check_rule(section, rule);
        out_.config.rules.push_back(std::move(rule));
    }

    void apply_companion(const LayeredSection& section) {
        Rule rule = rule_at(section, kCompanionPrefix);
        for (const LayeredKey& key : section.keys)
            apply(key, rule, companion_table());
        const bool all_good = good(section);
        if (rule.name == kNoCompanions)
            problem(section, "", fmt::format("\"{}\" is no name", kNoCompanions));
        else if (all_good && rule.enabled && rule.keys.empty())
            problem(section, "",
                    fmt::format("has nothing to match by; give at least one of {}", kMatchKeys));
        out_.config.companions.push_back(std::move(rule));
    }

    void check_rule(const LayeredSection& section, const Rule& rule) {
        // A busy graphics processor alone could be a browser as well as a game.
        const bool by_gpu_alone = rule.keys.empty() && rule.keys.gpu_percent;
        if ((rule.enabled || by_gpu_alone) && rule.keys.empty())
            problem(
                section, by_gpu_alone ? "gpu" : "",
                fmt::format("{}; give at least one of {}",
                            by_gpu_alone ? "is no evidence by itself" : "has nothing to match by",
                            kMatchKeys));
        if (!rule.deny)
            return;
        for (const char* key : {"scheduler", "scheduler_args", "class", "linger", "session",
                                "companions", "on_battery", "power_profile", "follow_focus"})
            if (const LayeredKey* given = section.find(key))
                problem(given->given.back(), "has no meaning in a rule with deny = yes");
    }

    // What can be judged only when everything is known.
    void check_together() {
        for (auto* rules : {&out_.config.rules, &out_.config.companions})
            for (Rule& rule : *rules)
                if (!rule.session)
                    take_session(rule);
        for (const LayeredSection& section : out_.sections) {
            const Rule* rule = rule_of(section);
            check_companions(section, rule);
            if (rule != nullptr && !rule->deny)
                check_told(section, *rule);
        }
        for (Rule& rule : out_.config.rules)
            if (!rule.companions && !rule.deny && rule.workload_class == WorkloadClass::Foreground)
                rule.companions = out_.config.settings.companions;
    }

    void take_session(Rule& rule) const {
        rule.session = out_.config.settings.session;
        for (const LayeredSection& section : out_.sections)
            if (section.name == kSupervisorSection)
                if (const LayeredKey* key = section.find("session"))
                    rule.origins["session"] = key->places();
    }

    [[nodiscard]] const Rule* rule_of(const LayeredSection& section) const {
        return section.name.starts_with(kWorkloadPrefix)
                   ? out_.config.find_rule(section.name.substr(kWorkloadPrefix.size()))
                   : nullptr;
    }

    // What only a scheduler that can be told it, or only a workload in the foreground, has a use
    // for.
    void check_told(const LayeredSection& section, const Rule& rule) {
        const SchedulerSpec spec = out_.config.spec_for(rule);
        for (const char* key : {"class", "companions"})
            if (const LayeredKey* given = section.find(key);
                given != nullptr && !has_control_socket(spec.path))
                problem(given->given.back(),
                        fmt::format("{} has no control socket to be told the class of a workload; "
                                    "only rustland has",
                                    spec.path));
        const LayeredKey* named = section.find("companions");
        if (named != nullptr && rule.companions && !rule.companions->empty() &&
            rule.workload_class != WorkloadClass::Foreground)
            problem(named->given.back(),
                    "are those of a workload in the foreground; leave class out, or these");
    }

    // Each one that is named is there. `rule`: the section's; null for [supervisor].
    void check_companions(const LayeredSection& section, const Rule* rule) {
        const LayeredKey* key = section.find("companions");
        if (key == nullptr || (rule == nullptr && section.name != kSupervisorSection))
            return;
        const std::vector<std::string> names =
            rule == nullptr ? out_.config.settings.companions
                            : rule->companions.value_or(std::vector<std::string>{});
        for (const std::string& name : names)
            if (std::none_of(out_.config.companions.begin(), out_.config.companions.end(),
                             [&](const Rule& companion) { return companion.name == name; }))
                problem(key->given.back(), fmt::format("there is no section [companion {}]", name));
    }

    KeyContext context_;
    BuiltConfig out_;
};

} // namespace

BuiltConfig build_config(const std::vector<RawFile>& files, const UserLookup& lookup,
                         const ProgramLookup& has_program) {
    return Builder(lookup, has_program).build(files);
}

} // namespace rustland::supervisor
