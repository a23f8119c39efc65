// SPDX-License-Identifier: GPL-2.0-only
// What a run of the game is given and what it records.
#pragma once

#include "bench/model.hpp"
#include "bench/shared.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace rustland::bench {

struct GameConfig {
    std::uint64_t seed = 1;
    std::uint64_t iterations_per_ms = 0;
    Nanos warmup = seconds(1);
    Nanos duration = seconds(5);
    bool vsync = true;
    GameSpec game;
    bool compositor = true; // compositor and sound server run behind the game
    unsigned cpus = 1;      // of the machine: threads of a loading screen
    LoadSpec shader;        // the load inside of the game's process, if its family is Shader
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
    // By one thread alone, the one that is the last to work on a period.
    void add_audio_period(std::int64_t period, Nanos lateness);
    // What compositor and sound server have computed; each adds to it.
    void add_desktop_iterations(std::uint64_t count) {
        header().desktop_iterations.fetch_add(count, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t desktop_iterations() const {
        return header().desktop_iterations.load(std::memory_order_relaxed);
    }
    // By the controller: from now on the load inside of the game may compute.
    void begin_load() { header().load_may_begin.store(true); }
    [[nodiscard]] bool load_may_begin() const { return header().load_may_begin.load(); }
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
        std::atomic<std::uint64_t> desktop_iterations{0};
        std::atomic<bool> load_may_begin{false};
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

} // namespace rustland::bench
