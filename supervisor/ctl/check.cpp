// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl check: mistakes of the configuration, what is worth a word, and what all files
// together say.
#include "rustland/common/file.hpp"
#include "supervisor/config/notes.hpp"
#include "supervisor/config/wide_rules.hpp"
#include "supervisor/ctl/commands.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/system/runner_choice.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

json problems_json(const Problems& problems) {
    json out = json::array();
    for (const Problem& p : problems)
        out.push_back({{"file", p.file},
                       {"line", p.line},
                       {"section", p.section},
                       {"key", p.key},
                       {"text", p.text},
                       {"message", p.message()}});
    return out;
}

json sections_json(const std::vector<LayeredSection>& sections) {
    json out = json::array();
    for (const LayeredSection& section : sections) {
        json keys = json::array();
        for (const LayeredKey& key : section.keys)
            for (const RawEntry& entry : key.given)
                keys.push_back({{"key", key.name},
                                {"adds", entry.adds},
                                {"value", value_of(entry, ' ')},
                                {"file", entry.file},
                                {"line", entry.line}});
        out.push_back({{"section", section.name}, {"keys", keys}});
    }
    return out;
}

// As a configuration file that says the same by itself.
void print_sections(const std::vector<LayeredSection>& sections) {
    bool first = true;
    for (const LayeredSection& section : sections) {
        fmt::print("{}[{}]\n", first ? "" : "\n", safe(section.name));
        first = false;
        for (const LayeredKey& key : section.keys)
            for (const RawEntry& entry : key.given) {
                fmt::print("{}\n", coloured("# " + safe(Place{entry.file, entry.line}.text()),
                                            Colour::Dim));
                fmt::print("{} {}", safe(key.name), entry.adds ? "+=" : "=");
                bool more = false;
                for (const RawValue& part : entry.parts) {
                    fmt::print("{}{}\n",
                               more                ? "    "
                               : part.text.empty() ? ""
                                                   : " ",
                               safe(part.text));
                    more = true;
                }
            }
    }
}

// Where systemd runs the machine, the daemon is a service that may not have a scheduler as its
// child.
Problems note_on_runner(const BuiltConfig& built) {
    Problems notes;
    if (built.config.settings.runner != RunnerKind::Child || !path_exists("/run/systemd/system"))
        return notes;
    for (const LayeredSection& section : built.sections)
        for (const LayeredKey& key : section.keys)
            if (section.name == kSupervisorSection && key.name == "runner" && !key.given.empty())
                notes.push_back({key.given.back().file, key.given.back().line, section.name,
                                 key.name,
                                 fmt::format("{}; there systemd runs the scheduler, as with "
                                             "runner = auto",
                                             kChildRunnerNeeds)});
    return notes;
}

// What lies beside the files that were read.
Problems passed_over(const ConfigPaths& paths) {
    Problems notes;
    for (const std::string& file : passed_over_files(paths))
        notes.push_back({file, 0, "", "", "is not read, because its name does not end in .conf"});
    return notes;
}

} // namespace

int check(const CtlOptions& options, std::vector<std::string> files, bool show) {
    Problems beside;
    const bool installed = files.empty();
    if (installed) {
        files = find_config_files(options.config);
        beside = passed_over(options.config);
    }
    BuiltConfig built = load_config(files, system_user, system_program);
    built.notes.insert(built.notes.end(), beside.begin(), beside.end());
    for (Problem& note : note_on_runner(built))
        built.notes.push_back(std::move(note));
    const bool good = built.problems.empty();
    // Of one file alone it is not known what the others say.
    const bool nothing = installed && nothing_counts(built.config);
    if (options.json) {
        json out = {{"ok", good},
                    {"files", files},
                    {"problems", problems_json(built.problems)},
                    {"notes", problems_json(built.notes)}};
        if (nothing)
            out["notes"].push_back({{"message", kNothingCounts}});
        if (show)
            out["sections"] = sections_json(built.sections);
        print_json(out);
        return good ? kDone : kFailed;
    }
    // What is shown is a configuration by itself: mistakes go elsewhere then.
    for (const Problem& p : built.problems)
        fmt::print(show ? stderr : stdout, "{}\n", safe(p.message()));
    if (show) {
        print_sections(built.sections);
        return good ? kDone : kFailed;
    }
    for (const Problem& p : built.notes)
        fmt::print("{}: {}\n", coloured("note", Colour::Note), safe(p.message()));
    if (nothing)
        fmt::print("{}: {}\n", coloured("note", Colour::Note), kNothingCounts);
    if (good)
        fmt::print("{} in {} file{}: {} rules, {} companions\n",
                   coloured("no mistakes", Colour::Good), files.size(),
                   files.size() == 1 ? "" : "s", built.config.rules.size(),
                   built.config.companions.size());
    return good ? kDone : kFailed;
}

} // namespace rustland::supervisor
