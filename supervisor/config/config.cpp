// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"

#include "supervisor/config/keys.hpp"
#include "supervisor/match/process_info.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace rustland::supervisor {
namespace {

constexpr std::string_view kWorkloadPrefix = "workload ";
constexpr std::string_view kCompanionPrefix = "companion ";
constexpr std::string_view kMatchKeys =
    "comm, program, exe, cmdline, cgroup, steam_appid, parent, ancestor, user";

// "workload NAME" and the like.
bool names_one(std::string_view section, std::string_view prefix) {
    return section.starts_with(prefix) && section.size() > prefix.size();
}

// A section after all files were laid over each other.
struct MergedSection {
    std::string name;
    std::string file; // where it was first begun
    int line = 0;
    std::map<std::string, const RawEntry*> entries;
};

class Builder {
  public:
    Builder(const UserLookup& lookup, const ProgramLookup& has_program)
        : context_{lookup, has_program} {}

    BuiltConfig build(const std::vector<RawFile>& files) {
        for (const RawFile& file : files) {
            out_.problems.insert(out_.problems.end(), file.problems.begin(), file.problems.end());
            for (const RawSection& section : file.sections)
                section_of(section);
            for (const RawEntry& entry : file.entries)
                lay_over(entry);
        }
        for (const MergedSection& section : sections_) {
            if (section.name == "supervisor")
                apply_supervisor(section);
            else if (section.name.starts_with(kWorkloadPrefix))
                apply_workload(section);
            else if (section.name.starts_with(kCompanionPrefix))
                apply_companion(section);
        }
        check_together();
        return std::move(out_);
    }

  private:
    MergedSection* section_of(const RawSection& raw) {
        for (MergedSection& section : sections_)
            if (section.name == raw.name)
                return &section;
        if (raw.name != "supervisor" && !names_one(raw.name, kWorkloadPrefix) &&
            !names_one(raw.name, kCompanionPrefix))
            out_.problems.push_back({raw.file, raw.line, raw.name, "",
                                     "unknown section; there are [supervisor], [workload NAME] and "
                                     "[companion NAME]"});
        sections_.push_back({raw.name, raw.file, raw.line, {}});
        return &sections_.back();
    }

    void lay_over(const RawEntry& entry) {
        MergedSection* section = section_of({entry.file, entry.line, entry.section});
        const RawEntry*& slot = section->entries[entry.key];
        // What a later file replaces is still checked: an error is an error in its own file.
        if (slot != nullptr)
            replaced_.push_back(slot);
        slot = &entry;
    }

    void problem(const RawEntry& entry, const std::string& text) {
        out_.problems.push_back({entry.file, entry.line, entry.section, entry.key, text});
    }

    template <typename Target>
    void apply(const RawEntry& entry, Target& target, const KeyTable<Target>& table) {
        const auto key = std::find_if(table.begin(), table.end(),
                                      [&](const auto& k) { return k.name == entry.key; });
        if (key == table.end()) {
            problem(entry, fmt::format("unknown key{}", suggestion(entry.key, table)));
            return;
        }
        if (entry.parts.size() > 1 && !key->continues) {
            problem(entry, fmt::format("line {} is indented and would continue this value, which "
                                       "takes one line",
                                       entry.parts[1].line));
            return;
        }
        std::string value;
        for (const RawValue& part : entry.parts) {
            if (part.text.empty())
                continue;
            if (!value.empty())
                value += value.back() == ',' || key->separator == ' ' ? " " : ", ";
            value += part.text;
        }
        if (!value.empty() && value.back() == ',' && entry.parts.size() > 1)
            value.pop_back();
        if (value.empty())
            return; // taken back: the default holds
        if (const Status status = key->set(target, value, context_); !status)
            problem(entry, status.error().message());
    }

    template <typename Target>
    static std::string suggestion(const std::string& wrong, const KeyTable<Target>& table) {
        // The key that shares the longest beginning, if that is most of a word.
        std::string_view best;
        std::size_t longest = 3;
        for (const auto& key : table) {
            const auto differ =
                std::mismatch(wrong.begin(), wrong.end(), key.name.begin(), key.name.end());
            const auto shared = static_cast<std::size_t>(differ.first - wrong.begin());
            if (shared > longest) {
                longest = shared;
                best = key.name;
            }
        }
        return best.empty() ? "" : fmt::format("; is {} meant?", best);
    }

    // What a later file has replaced has to be right, too.
    template <typename Target>
    void check_replaced(const MergedSection& section, const KeyTable<Target>& table) {
        Target scratch;
        for (const RawEntry* entry : replaced_)
            if (entry->section == section.name)
                apply(*entry, scratch, table);
    }

    static Rule rule_at(const MergedSection& section, std::string_view prefix) {
        Rule rule;
        rule.name = section.name.substr(prefix.size());
        rule.file = section.file;
        rule.line = section.line;
        return rule;
    }

    void apply_supervisor(const MergedSection& section) {
        for (const auto& [name, entry] : section.entries)
            apply(*entry, out_.config.settings, settings_table());
        check_replaced(section, settings_table());
        const Settings& s = out_.config.settings;
        if (s.restart_initial > s.restart_max)
            out_.problems.push_back({section.file, section.line, section.name, "restart_max",
                                     "is shorter than restart_initial"});
    }

    void apply_workload(const MergedSection& section) {
        Rule rule = rule_at(section, kWorkloadPrefix);
        const std::size_t problems_before = out_.problems.size();
        // Deny rules come before others unless they say otherwise, whatever the order of keys.
        const auto deny = section.entries.find("deny");
        if (deny != section.entries.end())
            apply(*deny->second, rule, workload_table());
        rule.priority = rule.deny ? kDenyPriority : 0;
        for (const auto& [name, entry] : section.entries)
            if (name != "deny")
                apply(*entry, rule, workload_table());
        check_replaced(section, workload_table());
        if (out_.problems.size() == problems_before)
            check_rule(section, rule);
        out_.config.rules.push_back(std::move(rule));
    }

    void apply_companion(const MergedSection& section) {
        Rule rule = rule_at(section, kCompanionPrefix);
        const std::size_t problems_before = out_.problems.size();
        for (const auto& [name, entry] : section.entries)
            apply(*entry, rule, companion_table());
        check_replaced(section, companion_table());
        const bool good = out_.problems.size() == problems_before;
        if (rule.name == kNoCompanions)
            out_.problems.push_back({section.file, section.line, section.name, "",
                                     fmt::format("\"{}\" is no name", kNoCompanions)});
        else if (good && rule.enabled && rule.keys.empty())
            out_.problems.push_back(
                {section.file, section.line, section.name, "",
                 fmt::format("has nothing to match by; give at least one of {}", kMatchKeys)});
        out_.config.companions.push_back(std::move(rule));
    }

    void check_rule(const MergedSection& section, const Rule& rule) {
        // A busy graphics processor alone could be a browser as well as a game.
        const bool by_gpu_alone = rule.keys.empty() && rule.keys.gpu_percent;
        if ((rule.enabled || by_gpu_alone) && rule.keys.empty())
            out_.problems.push_back(
                {section.file, section.line, section.name, by_gpu_alone ? "gpu" : "",
                 fmt::format("{}; give at least one of {}",
                             by_gpu_alone ? "is no evidence by itself" : "has nothing to match by",
                             kMatchKeys)});
        if (!rule.deny)
            return;
        for (const char* key : {"scheduler", "scheduler_args", "class", "linger", "session",
                                "companions", "on_battery", "power_profile", "follow_focus"}) {
            const auto entry = section.entries.find(key);
            if (entry != section.entries.end())
                problem(*entry->second, "has no meaning in a rule with deny = yes");
        }
    }

    // What can be judged only when everything is known.
    void check_together() {
        for (Rule& rule : out_.config.rules)
            if (!rule.session)
                rule.session = out_.config.settings.session;
        for (Rule& rule : out_.config.companions)
            if (!rule.session)
                rule.session = out_.config.settings.session;
        for (const MergedSection& section : sections_) {
            const Rule* rule = rule_of(section);
            check_companions(section, rule);
            if (rule != nullptr && !rule->deny)
                check_told(section, *rule);
        }
        for (Rule& rule : out_.config.rules)
            if (!rule.companions && !rule.deny && rule.workload_class == WorkloadClass::Foreground)
                rule.companions = out_.config.settings.companions;
    }

    [[nodiscard]] const Rule* rule_of(const MergedSection& section) const {
        return section.name.starts_with(kWorkloadPrefix)
                   ? out_.config.find_rule(section.name.substr(kWorkloadPrefix.size()))
                   : nullptr;
    }

    // What only a scheduler that can be told it, or only a workload in the foreground, has a use
    // for.
    void check_told(const MergedSection& section, const Rule& rule) {
        const SchedulerSpec spec = out_.config.spec_for(rule);
        for (const char* key : {"class", "companions"}) {
            const auto entry = section.entries.find(key);
            if (entry != section.entries.end() && !has_control_socket(spec.path))
                problem(*entry->second, fmt::format("{} has no control socket to be told the class "
                                                    "of a workload; only rustland has",
                                                    spec.path));
        }
        const auto named = section.entries.find("companions");
        if (named != section.entries.end() && rule.companions && !rule.companions->empty() &&
            rule.workload_class != WorkloadClass::Foreground)
            problem(*named->second,
                    "are those of a workload in the foreground; leave class out, or these");
    }

    // Each one that is named is there. `rule`: the section's; null for [supervisor].
    void check_companions(const MergedSection& section, const Rule* rule) {
        const auto entry = section.entries.find("companions");
        if (entry == section.entries.end() || (rule == nullptr && section.name != "supervisor"))
            return;
        const std::vector<std::string> names =
            rule == nullptr ? out_.config.settings.companions
                            : rule->companions.value_or(std::vector<std::string>{});
        for (const std::string& name : names)
            if (std::none_of(out_.config.companions.begin(), out_.config.companions.end(),
                             [&](const Rule& companion) { return companion.name == name; }))
                problem(*entry->second, fmt::format("there is no section [companion {}]", name));
    }

    KeyContext context_;
    std::vector<MergedSection> sections_;
    std::vector<const RawEntry*> replaced_;
    BuiltConfig out_;
};

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

BuiltConfig build_config(const std::vector<RawFile>& files, const UserLookup& lookup,
                         const ProgramLookup& has_program) {
    return Builder(lookup, has_program).build(files);
}

std::vector<std::string> supervisor_keys() { return names(settings_table()); }
std::vector<std::string> workload_keys() { return names(workload_table()); }
std::vector<std::string> companion_keys() { return names(companion_table()); }

} // namespace rustland::supervisor
