// SPDX-License-Identifier: GPL-2.0-only
// The game-like workload: a process with a main thread, two workers and an audio thread, all of the
// normal scheduling class. See model.hpp for what it models.
#pragma once

#include "bench/model.hpp"
#include "bench/process.hpp"
#include "bench/shared.hpp"

#include <cstdint>
#include <span>
#include <sys/types.h>

namespace rustland::bench {

struct GameConfig {
    std::uint64_t seed = 1;
    std::uint64_t iterations_per_ms = 0;
    Nanos warmup = seconds(1);
    Nanos duration = seconds(5);
    bool vsync = true;
};

// What had been done at one edge of the measured window.
struct GameSnapshot {
    Nanos at{};
    LoadTotals load;
    std::uint64_t game_iterations = 0;
    std::int64_t voluntary_switches = 0;
    std::int64_t involuntary_switches = 0;
};

// What the game records, in memory shared with the process that started it. All room is there, and
// touched, before the first frame: recording is a store.
class GameRecord {
  public:
    static Result<GameRecord> create(const GameConfig& config);

    // Writing side: the game.
    void touch();
    void add_frame(Nanos time);
    void add_audio_period(std::int64_t period, Nanos lateness);
    struct Window {
        Nanos origin{}; // of the vsync grid and of the audio clock
        Nanos start{};  // the first and the last picture that count
        Nanos end{};
        GameSnapshot before;
        GameSnapshot after;
        bool complete = false;
    };
    [[nodiscard]] Window& window() { return header().window; }

    // Reading side, after the game has exited.
    [[nodiscard]] const Window& window() const { return header().window; }
    [[nodiscard]] std::span<const std::int64_t> frame_times() const;
    // Of the periods that started inside the window.
    [[nodiscard]] std::span<const std::int64_t> audio_lateness() const;
    // Frames or periods for which there was no room.
    [[nodiscard]] std::uint64_t dropped() const {
        return header().dropped_frames + header().dropped_periods;
    }

  private:
    struct Header {
        Window window;
        std::uint64_t frames = 0;
        std::uint64_t periods = 0;
        // One each: two threads write them.
        std::uint64_t dropped_frames = 0;
        std::uint64_t dropped_periods = 0;
    };
    GameRecord(Mapping mapping, std::size_t max_frames, std::size_t max_periods)
        : mapping_(std::move(mapping)), max_frames_(max_frames), max_periods_(max_periods) {}
    [[nodiscard]] Header& header() const { return *static_cast<Header*>(mapping_.data()); }
    [[nodiscard]] std::int64_t* frames() const;
    [[nodiscard]] std::int64_t* periods() const { return frames() + max_frames_; }

    Mapping mapping_;
    std::size_t max_frames_;
    std::size_t max_periods_;
};

// How long a game may run past the end of its window, frozen, before its run is given up.
inline constexpr Nanos kGameGrace = seconds(60);

// Starts the game as a process of its own. It exits with 0 when the window is over.
Result<ProcessGroup> start_game(const GameConfig& config, const LoadCounters& counters,
                                GameRecord& record);

} // namespace rustland::bench
