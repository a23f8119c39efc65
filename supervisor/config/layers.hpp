// SPDX-License-Identifier: GPL-2.0-only
// Configuration files laid over each other: for each key what holds, where it was given, and what
// it replaced. A later file wins key by key, and "KEY += VALUE" adds to a list.
#pragma once

#include "supervisor/config/ini.hpp"
#include "supervisor/config/place.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

struct LayeredKey {
    std::string name;
    std::vector<RawEntry> given;    // what holds: the last "=", and each "+=" after it
    std::vector<RawEntry> replaced; // what an "=" put out of force, in order

    [[nodiscard]] std::vector<Place> places() const;
    // What all that is given makes up together; `separator` as in Key.
    [[nodiscard]] std::string value(char separator) const;
};

struct LayeredSection {
    std::string name;
    Place begun;                  // where it was first begun
    std::vector<LayeredKey> keys; // in the order in which they were first given

    [[nodiscard]] const LayeredKey* find(std::string_view key) const;
    [[nodiscard]] Origins origins() const;
};

// In the order in which the sections were first begun.
std::vector<LayeredSection> lay_over(const std::vector<RawFile>& files);

// The value of an entry: its lines joined.
std::string value_of(const RawEntry& entry, char separator);

} // namespace rustland::supervisor
