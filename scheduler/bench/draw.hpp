// SPDX-License-Identifier: GPL-2.0-only
// Draws cells by a seed, so that nobody can choose what a scheduler is measured with. The ranges
// are those of the tables in draw.cpp, which the manual repeats. All of it is whole numbers and a
// generator of our own: a seed means the same cells on each machine.
#pragma once

#include "bench/cell.hpp"
#include "bench/rng.hpp"

#include <cstdint>
#include <vector>

namespace rustland::bench {

// Of a record. Each game, load and setup comes up at least three times in them.
inline constexpr unsigned kDrawnCells = 40;

// A drawn game wants at most this of the CPU time of the machine, in percent.
inline constexpr unsigned kAlonePercent = 70;
// Its longest frame, all parts of it at the upper end of their spread, fills at most this of the
// time between two vsyncs, so that alone it holds its rate.
inline constexpr unsigned kPathPercent = 90;

// CPU time that the game and its desktop want at their full rate, in percent of one CPU.
unsigned demand_percent(const GameSpec& game);
// The time of the longest frame on a machine that runs nothing else, in microseconds.
unsigned longest_path_us(const GameSpec& game, unsigned cpus);
bool holds_its_rate_alone(const GameSpec& game, unsigned cpus);

// A game of the family that holds its rate alone. What does not is drawn again.
GameSpec draw_game(GameFamily family, unsigned cpus, Rng& rng);
LoadSpec draw_load(LoadFamily family, unsigned cpus, Rng& rng);

// The cells of a record; the setups are weighted towards control groups, and undefined pairs of
// load and setup do not come up.
std::vector<Cell> draw_cells(std::uint64_t seed, unsigned cpus);

} // namespace rustland::bench
