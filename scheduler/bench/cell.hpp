// SPDX-License-Identifier: GPL-2.0-only
// A cell of the benchmark's matrix: a game of some family beside a load of some family, and how the
// two are set up as sessions or control groups. Plain values with a text form that holds every
// parameter, so that any cell can be repeated by naming it:
//
//   heavy/compile:8                                     the families' own figures
//   heavy,main=3.25,workers=4/compile:8,nap=0@app-slice  some of them replaced, another setup
//
// Times are CPU time on a machine whose CPUs are all busy (see work.hpp) but for those of sleeps.
#pragma once

#include "rustland/common/result.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rustland::bench {

enum class GameFamily { Light, Heavy, Jobs, Single, Fast, Loading };
enum class LoadFamily { None, Compile, Naps, Storm, Hog, NapHog, Pipe, Io, Mixed, Shader, Encoder };

// How game and load are kept apart. Compositor and sound server always have a session (or a group)
// of their own.
enum class Setup {
    OneSession, // game and load in one session
    Sessions,   // a session each: the kernel's autogroup makes groups of them
    AppSlice,   // a control group each, without the cpu controller, in one that has it
    Cgroups,    // a control group with the cpu controller each
};

inline constexpr unsigned kMaxGameWorkers = 16;
inline constexpr unsigned kMaxWaves = 4;
inline constexpr unsigned kMaxJobsPerWorker = 4;

// What a frame is made of. The main thread computes, hands a wave of jobs to the workers and waits
// for them, computes, and so on; then the compositor composes. Times in microseconds.
struct GameSpec {
    GameFamily family = GameFamily::Heavy;
    unsigned hz = 60;           // of the screen
    unsigned main_us = 0;       // of the main thread for a frame
    unsigned workers = 0;       // threads
    unsigned worker_us = 0;     // of each worker for a frame (in the mean, if they share jobs)
    unsigned waves = 0;         // how often a frame hands out jobs; 0 exactly without workers
    unsigned jobs = 0;          // of each wave for each worker: 1 is its own part, more are shared
    unsigned audio_us = 0;      // of the audio thread for a period
    unsigned compositor_us = 0; // of the compositor for a frame
    unsigned sound_us = 0;      // of the sound server for a period
    unsigned play_ms = 0;       // between two loading screens; 0: there are none
    unsigned loading_us = 0;    // of each of as many threads as there are CPUs, for one of them
    bool operator==(const GameSpec&) const = default;
};

// Times in microseconds.
struct LoadSpec {
    LoadFamily family = LoadFamily::None;
    unsigned slots = 0;  // processes, pairs or threads at a time
    unsigned min_us = 0; // CPU time of a job: logarithmically uniform between these
    unsigned max_us = 0;
    unsigned burst_us = 0; // CPU time between two naps
    unsigned nap_us = 0;   // of sleep; 0: no naps
    unsigned work_us = 0;  // CPU time of a message, of a transfer or of a slice of a picture
    unsigned wait_us = 0;  // of sleep for the device, for each transfer
    unsigned sleepers = 0; // processes that sleep for milliseconds and compute for less than one
    bool operator==(const LoadSpec&) const = default;
};

struct Cell {
    GameSpec game;
    LoadSpec load;
    Setup setup = Setup::OneSession;
    bool operator==(const Cell&) const = default;
};

std::span<const GameFamily> game_families();
std::span<const LoadFamily> load_families(); // None is not among them
std::span<const Setup> setups();

std::string_view to_string(GameFamily family);
std::string_view to_string(LoadFamily family);
std::string_view to_string(Setup setup);
Result<Setup> parse_setup(std::string_view text);

// The families' own figures: what a name without parameters means.
GameSpec default_game(GameFamily family);
LoadSpec default_load(LoadFamily family, unsigned slots);

// Why the load cannot be beside a game in this setup; empty if it can. The shader compiler is part
// of the game's process: no setup can keep the two apart.
std::string_view undefined_because(LoadFamily load, Setup setup);

// With every parameter that the family has: parse_cell(to_string(cell)) is the cell again.
std::string to_string(const GameSpec& game);
std::string to_string(const LoadSpec& load);
std::string to_string(const Cell& cell);
// The families, the slots and the setup alone, for the rows of tables: "heavy/compile:8@sessions".
std::string short_name(const Cell& cell);
// For tables: the short name if all parameters are the families' own, else everything.
std::string table_name(const Cell& cell);
// Errors say what is wrong with which word and what to write.
Result<Cell> parse_cell(std::string_view text);

// Processes (or pairs, or threads) that count their work: how many LoadCounters the load needs.
unsigned counters_of(const LoadSpec& load);

} // namespace rustland::bench
