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

// A section after all files were laid over each other.
struct MergedSection {
    std::string name;
    std::string file; // where it was first begun
    int line = 0;
    std::map<std::string, const RawEntry*> entries;
};

class Builder {
  public:
    explicit Builder(const UserLookup& lookup) : context_{lookup} {}

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
        }
        check_together();
        return std::move(out_);
    }

  private:
    MergedSection* section_of(const RawSection& raw) {
        for (MergedSection& section : sections_)
            if (section.name == raw.name)
                return &section;
        const bool workload =
            raw.name.starts_with(kWorkloadPrefix) && raw.name.size() > kWorkloadPrefix.size();
        if (raw.name != "supervisor" && !workload)
            out_.problems.push_back(
                {raw.file, raw.line, raw.name, "",
                 "unknown section; there are [supervisor] and [workload NAME]"});
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

    void apply_supervisor(const MergedSection& section) {
        for (const auto& [name, entry] : section.entries)
            apply(*entry, out_.config.settings, settings_table());
        Settings scratch;
        for (const RawEntry* entry : replaced_)
            if (entry->section == section.name)
                apply(*entry, scratch, settings_table());
        const Settings& s = out_.config.settings;
        if (s.restart_initial > s.restart_max)
            out_.problems.push_back({section.file, section.line, section.name, "restart_max",
                                     "is shorter than restart_initial"});
    }

    void apply_workload(const MergedSection& section) {
        Rule rule;
        rule.name = section.name.substr(kWorkloadPrefix.size());
        rule.file = section.file;
        rule.line = section.line;
        const std::size_t problems_before = out_.problems.size();
        // Deny rules come before others unless they say otherwise, whatever the order of keys.
        const auto deny = section.entries.find("deny");
        if (deny != section.entries.end())
            apply(*deny->second, rule, workload_table());
        rule.priority = rule.deny ? kDenyPriority : 0;
        for (const auto& [name, entry] : section.entries)
            if (name != "deny")
                apply(*entry, rule, workload_table());
        Rule scratch;
        for (const RawEntry* entry : replaced_)
            if (entry->section == section.name)
                apply(*entry, scratch, workload_table());
        if (out_.problems.size() == problems_before)
            check_rule(section, rule);
        out_.config.rules.push_back(std::move(rule));
    }

    void check_rule(const MergedSection& section, const Rule& rule) {
        if (rule.enabled && rule.keys.empty())
            out_.problems.push_back({section.file, section.line, section.name, "",
                                     "has nothing to match by; give at least one of comm, program, "
                                     "exe, cmdline, cgroup, steam_appid, parent, ancestor, user"});
        if (!rule.deny)
            return;
        for (const char* key : {"scheduler", "scheduler_args", "class", "linger", "session",
                                "on_battery", "power_profile"}) {
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
        for (const MergedSection& section : sections_) {
            const auto entry = section.entries.find("class");
            const Rule* rule =
                section.name.starts_with(kWorkloadPrefix)
                    ? out_.config.find_rule(section.name.substr(kWorkloadPrefix.size()))
                    : nullptr;
            if (rule == nullptr || entry == section.entries.end() || rule->deny)
                continue;
            const SchedulerSpec spec = out_.config.spec_for(*rule);
            if (!has_control_socket(spec.path))
                problem(*entry->second, fmt::format("{} has no control socket to be told the class "
                                                    "of a workload; only rustland has",
                                                    spec.path));
        }
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

BuiltConfig build_config(const std::vector<RawFile>& files, const UserLookup& lookup) {
    return Builder(lookup).build(files);
}

std::vector<std::string> supervisor_keys() { return names(settings_table()); }
std::vector<std::string> workload_keys() { return names(workload_table()); }

} // namespace rustland::supervisor
