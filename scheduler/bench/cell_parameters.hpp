// SPDX-License-Identifier: GPL-2.0-only
// The parameters of games and loads as tables: names, ranges and who has them, from which the text
// form, the drawing's documentation and the checks are made.
#pragma once

#include "bench/cell.hpp"
#include "rustland/common/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace rustland::bench {

inline constexpr unsigned kMaxSlots = 1024;

enum class Unit { Count, MillisOfMicros }; // the second is written in ms and kept in microseconds

template <typename Spec> struct Parameter {
    std::string_view key;
    unsigned Spec::*member;
    Unit unit;
    unsigned low; // in the unit that is kept
    unsigned high;
    bool (*used)(const Spec&); // whether this family has it
};

std::span<const Parameter<GameSpec>> game_parameters();
std::span<const Parameter<LoadSpec>> load_parameters();

// What holds between the parameters of a game: waves and jobs go with workers.
Status check_game(const GameSpec& game);

// ",main=5.8,workers=2": those that the family has.
template <typename Spec>
std::string write_parameters(std::span<const Parameter<Spec>> table, const Spec& spec);

// Reads "main=5.8,workers=2" into the specification; empty text leaves it as it is.
template <typename Spec>
Status read_parameters(std::string_view text, std::span<const Parameter<Spec>> table, Spec& spec);

} // namespace rustland::bench
