// SPDX-License-Identifier: GPL-2.0-only
// The model: what a game and a build cost and when, as pure functions of the seed and the speed of
// the machine. Times are CPU time on a machine whose CPUs are all busy ("iterations per ms").
//
// The game (60 Hz, vsync). A frame:
//
//   main thread   |-- input, logic 2 ms --|              |-- submit 1 ms --| sleeps until vsync
//   two workers                           |- 3 ms each -|
//
// so 6 ms on the critical path and 9 ms of CPU time: a game whose CPU side could show some 150
// frames a second on this machine if it had it for itself, and is held to 60 by the screen. Players
// tune their settings for about that reserve, since frames are not alike: each part of each frame
// takes 0.85 to 1.15 times that. A frame that is done after its vsync is shown at the next one, and
// the main thread starts the following frame there.
// Audio: 256 samples at 48 kHz, that is a period of 5.33 ms, with 0.25 ms of mixing in each. A
// period whose work is not complete when the period ends is late (an audible click); one that was
// over before the thread got to it is late too, and its work is dropped, as a sound device does.
//
// The load. "build" is make -jN: N slots, each with a compiler driver that preprocesses into a
// pipe, a compiler proper that reads it, touches memory, sometimes waits for the disk, computes and
// writes a temporary file, and an assembler that reads that. A job takes 20 to 300 ms of CPU time
// (logarithmically uniform: many small files, few big ones; mean about 103 ms). "hog" is N
// processes that compute and never sleep. "mixed" is half of each, plus one process for every
// eight slots that sleeps for some milliseconds, computes for a fraction of one, and sleeps again.
#pragma once

#include "bench/cell.hpp"
#include "bench/cell_parameters.hpp"
#include "bench/rng.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rustland::bench {

inline constexpr unsigned kRefreshHz = 60;
inline constexpr unsigned kWorkers = 2;
inline constexpr unsigned kLogicMicros = 2000;
inline constexpr unsigned kWorkerMicros = 3000;
inline constexpr unsigned kSubmitMicros = 1000;
inline constexpr double kFrameSpread = 0.15;
inline constexpr unsigned kAudioMicros = 250;
inline constexpr std::int64_t kAudioSamples = 256;
inline constexpr std::int64_t kAudioRateHz = 48000;
inline constexpr double kJobMinMs = 20.0;
inline constexpr double kJobMaxMs = 300.0;

enum class LoadKind { None, Build, Hog, Mixed };

// What is done to the scheduler's process in the middle of the measured time, to see how long the
// game freezes.
enum class Fault { None, Stop, Kill };

struct Scenario {
    LoadKind load = LoadKind::None;
    unsigned slots = 0;
    Fault fault = Fault::None;
    // A cell has a game and a load of its own: then the load above is none, and there is no fault.
    std::optional<Cell> cell{};
    bool operator==(const Scenario&) const = default;
};

std::string_view to_string(LoadKind kind);
std::string_view to_string(Fault fault);
// "build x8", "build x8 kill"; "alone" without a load; "heavy/compile:8@one-session", with all
// parameters if they are not the families' own.
std::string to_string(const Scenario& scenario);
// The same for a narrow table: of a cell, its families alone.
std::string brief_name(const Scenario& scenario);
Result<LoadKind> parse_load(std::string_view text);
Result<Fault> parse_fault(std::string_view text);
// "build:8", "build:8:kill", "none".
Result<Scenario> parse_scenario(std::string_view text);

// How many processes of which sort a scenario has.
struct LoadShape {
    unsigned build_slots = 0;
    unsigned hogs = 0;
    unsigned sleepers = 0;
    [[nodiscard]] unsigned total() const { return build_slots + hogs + sleepers; }
};
LoadShape shape_of(const Scenario& scenario);

struct JobPlan {
    std::uint64_t preprocess = 0; // iterations of the driver
    std::uint64_t compile = 0;    // of the compiler proper
    std::uint64_t assemble = 0;
    unsigned source_chunks = 0; // of kChunkBytes, through the pipe
    unsigned memory_pages = 0;  // that the compiler touches for the first time
    unsigned disk_waits = 0;    // short sleeps of the compiler
    Nanos disk_wait{};
    [[nodiscard]] std::uint64_t total() const { return preprocess + compile + assemble; }
};
inline constexpr std::size_t kChunkBytes = 4096;
JobPlan plan_job(std::uint64_t seed, std::uint64_t job, std::uint64_t iterations_per_ms);

struct SleeperStep {
    Nanos sleep{};
    std::uint64_t iterations = 0;
};
SleeperStep plan_sleeper(std::uint64_t seed, unsigned sleeper, std::uint64_t step,
                         std::uint64_t iterations_per_ms);

// The game that this file begins with, as one of the many that cells can have.
GameSpec model_game();
// The game of a scenario.
GameSpec game_of(const Scenario& scenario);

std::uint64_t iterations_for(std::int64_t micros, std::uint64_t iterations_per_ms);

// The points in time at which the screen takes a new picture. Computed from the origin each time,
// so that rounding does not add up.
class VsyncGrid {
  public:
    explicit VsyncGrid(Nanos origin, unsigned hz = kRefreshHz) : origin_(origin), hz_(hz) {}
    [[nodiscard]] Nanos boundary(std::int64_t index) const;
    // The first boundary at or after t.
    [[nodiscard]] Nanos at_or_after(Nanos t) const;

  private:
    Nanos origin_;
    std::int64_t hz_;
};

// The audio periods: number k runs from start(k) to end(k) = start(k + 1).
class AudioClock {
  public:
    explicit AudioClock(Nanos origin) : origin_(origin) {}
    [[nodiscard]] Nanos start(std::int64_t period) const;
    [[nodiscard]] Nanos end(std::int64_t period) const { return start(period + 1); }

  private:
    Nanos origin_;
};

} // namespace rustland::bench
