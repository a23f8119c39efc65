// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/notes.hpp"

#include "supervisor/config/keys.hpp"
#include "supervisor/config/values.hpp"

#include "rustland/common/closest.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

// Lists that say which processes are meant. Those of companions are as short as they are written.
bool is_list(std::string_view key) {
    return key != "companions" &&
           std::any_of(workload_table().begin(), workload_table().end(), [&](const Key<Rule>& k) {
               return k.name == key && k.continues && k.separator == ',';
           });
}

std::size_t items_in(const RawEntry& entry) {
    const auto items = parse_list_items(value_of(entry, ','));
    return items ? items->size() : 0;
}

Problem note(const RawEntry& entry, std::string text) {
    return {entry.file, entry.line, entry.section, entry.key, std::move(text)};
}

// What the last "=" put out of force: the "=" before it, with what was added to that.
std::vector<RawEntry> last_replaced(const LayeredKey& key) {
    auto first = key.replaced.end();
    while (first != key.replaced.begin() && (first == key.replaced.end() || first->adds))
        --first;
    return {first, key.replaced.end()};
}

void note_replaced_list(const LayeredKey& key, Problems& notes) {
    const RawEntry& now = key.given.front();
    const std::vector<RawEntry> before = last_replaced(key);
    if (!is_list(key.name) || now.adds || before.empty() || before.front().file == now.file ||
        items_in(now) == 0)
        return;
    std::size_t items = 0;
    for (const RawEntry& entry : before)
        items += items_in(entry);
    // One name for another is a correction.
    if (items < 2)
        return;
    notes.push_back(
        note(now, fmt::format("replaces the {} items of {}; to add to them, write {} "
                              "+=",
                              items, Place{before[0].file, before[0].line}.text(), key.name)));
}

void note_home(const LayeredKey& key, Problems& notes) {
    if (key.name != "exe")
        return;
    for (const RawEntry& entry : key.given)
        if (const auto items = parse_list_items(value_of(entry, ',')))
            for (const ListItem& item : *items)
                if (item.text.starts_with("~/"))
                    notes.push_back(note(
                        entry, fmt::format("\"{}\" is a regular expression, as all that begins "
                                           "with ~; for a home folder, write /home/*{}",
                                           item.text, item.text.substr(1))));
}

// "doom9 # mine": only a line of its own is a comment.
void note_comment(const LayeredKey& key, Problems& notes) {
    for (const RawEntry& entry : key.given)
        for (const RawValue& part : entry.parts) {
            const std::size_t at = part.text.find(" #");
            if (at == std::string::npos || part.text.find('"') != std::string::npos)
                continue;
            Problem told =
                note(entry, fmt::format("\"{}\" belongs to the value; a comment stands on "
                                        "a line of its own (quotes, where it is meant)",
                                        part.text.substr(at + 1)));
            told.line = part.line;
            notes.push_back(std::move(told));
        }
}

// A rule that is switched off and nowhere made.
void note_missing(const LayeredSection& section, const std::vector<LayeredSection>& all,
                  Problems& notes) {
    const bool switches = section.keys.size() == 1 && section.keys[0].name == "enabled";
    const auto on = parse_bool(switches ? section.keys[0].value(',') : "yes");
    if (!names_one(section.name, kWorkloadPrefix) || !on || *on)
        return;
    std::vector<std::string> names;
    for (const LayeredSection& other : all)
        if (other.name != section.name && names_one(other.name, kWorkloadPrefix))
            names.push_back(other.name.substr(kWorkloadPrefix.size()));
    notes.push_back(note(section.keys[0].given.back(),
                         "switches nothing off, because no file has a rule of this name" +
                             proposal(section.name.substr(kWorkloadPrefix.size()), names)));
}

} // namespace

bool names_one(std::string_view section, std::string_view prefix) {
    return section.starts_with(prefix) && section.size() > prefix.size();
}

Problems notes_on(const std::vector<LayeredSection>& sections) {
    Problems notes;
    for (const LayeredSection& section : sections) {
        note_missing(section, sections, notes);
        for (const LayeredKey& key : section.keys) {
            note_replaced_list(key, notes);
            note_home(key, notes);
            note_comment(key, notes);
        }
    }
    return notes;
}

} // namespace rustland::supervisor
