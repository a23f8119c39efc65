// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/layers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rustland::supervisor {
namespace {

// A line of a list may or may not end with its comma.
void join(std::string& value, const std::string& more, char separator) {
    if (more.empty())
        return;
    if (!value.empty())
        value += value.back() == ',' || separator == ' ' ? " " : ", ";
    value += more;
}

LayeredSection& section_of(std::vector<LayeredSection>& sections, const RawSection& raw) {
    const auto found = std::find_if(sections.begin(), sections.end(),
                                    [&](const LayeredSection& s) { return s.name == raw.name; });
    if (found != sections.end())
        return *found;
    sections.push_back({raw.name, {raw.file, raw.line}, {}});
    return sections.back();
}

void give(LayeredSection& section, const RawEntry& entry) {
    auto key = std::find_if(section.keys.begin(), section.keys.end(),
                            [&](const LayeredKey& k) { return k.name == entry.key; });
    if (key == section.keys.end())
        key = section.keys.insert(key, {entry.key, {}, {}});
    if (!entry.adds) {
        std::move(key->given.begin(), key->given.end(), std::back_inserter(key->replaced));
        key->given.clear();
    }
    key->given.push_back(entry);
}

} // namespace

std::vector<Place> LayeredKey::places() const {
    std::vector<Place> places;
    for (const RawEntry& entry : given)
        places.push_back({entry.file, entry.line});
    return places;
}

std::string LayeredKey::value(char separator) const {
    std::string all;
    for (const RawEntry& entry : given)
        join(all, value_of(entry, separator), separator);
    return all;
}

const LayeredKey* LayeredSection::find(std::string_view key) const {
    const auto found =
        std::find_if(keys.begin(), keys.end(), [&](const LayeredKey& k) { return k.name == key; });
    return found == keys.end() ? nullptr : &*found;
}

Origins LayeredSection::origins() const {
    Origins origins;
    for (const LayeredKey& key : keys)
        origins.emplace(key.name, key.places());
    return origins;
}

std::vector<LayeredSection> lay_over(const std::vector<RawFile>& files) {
    std::vector<LayeredSection> sections;
    for (const RawFile& file : files) {
        for (const RawSection& section : file.sections)
            section_of(sections, section);
        for (const RawEntry& entry : file.entries)
            give(section_of(sections, {entry.file, entry.line, entry.section}), entry);
    }
    return sections;
}

std::string value_of(const RawEntry& entry, char separator) {
    std::string value;
    for (const RawValue& part : entry.parts)
        join(value, part.text, separator);
    // The comma before the line that was to follow.
    if (!value.empty() && value.back() == ',' && entry.parts.size() > 1)
        value.pop_back();
    return value;
}

} // namespace rustland::supervisor
