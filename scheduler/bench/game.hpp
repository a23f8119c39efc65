// SPDX-License-Identifier: GPL-2.0-only
// The game-like workload: a process with a main thread, workers and an audio thread, all of the
// normal scheduling class. See model.hpp and cell.hpp for what it models.
#pragma once

#include "bench/desktop.hpp"
#include "bench/game_record.hpp"
#include "bench/process.hpp"
#include "bench/shared.hpp"

namespace rustland::bench {

// How long a game may run past the end of its window, frozen, before its run is given up.
inline constexpr Nanos kGameGrace = seconds(60);

// Starts the game as a process of its own. It exits with 0 when the window is over. The desktop
// must run if the configuration has a compositor.
Result<ProcessGroup> start_game(const GameConfig& config, const LoadCounters& counters,
                                GameRecord& record, const DesktopLinks& desktop,
                                const Placement& place);

} // namespace rustland::bench
