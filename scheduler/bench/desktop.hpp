// SPDX-License-Identifier: GPL-2.0-only
// What stands between a game and the player: a compositor that must run after each frame before it
// is on the screen, and a sound server that must run after each period of audio before it is heard.
// Both are processes of their own, in a session or control group of their own.
//
//   main thread  --frame-->  compositor: composes, the next vsync shows it  --when-->  main thread
//   audio thread --period--> sound server: mixes, writes to the device
#pragma once

#include "bench/game_record.hpp"
#include "bench/process.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

#include <array>
#include <cstdint>

namespace rustland::bench {

// The pipes between the game and the desktop, made before either starts.
class DesktopLinks {
  public:
    static Result<DesktopLinks> create();

    // The game's main thread: hands a frame over and waits until it is composed. Returns the time
    // at which it is on the screen.
    [[nodiscard]] Nanos show_frame() const;

    // The game's audio thread: hands over a period that it has mixed, or one that was over before
    // it could be, with how late that was.
    void hand_over_period(std::int64_t period) const;
    void hand_over_lost_period(std::int64_t period, Nanos lateness) const;
    // Waits until the sound server has recorded all that was handed over.
    void finish_sound() const;

  private:
    friend class DesktopServer;
    enum Pipe { kFrames, kShown, kPeriods, kFinished, kPipes };
    struct Ends {
        UniqueFd read;
        UniqueFd write;
    };
    std::array<Ends, kPipes> pipes_;
};

// Starts both. They run until the group is destroyed and record in `record`.
Result<ProcessGroup> start_desktop(const GameConfig& config, const DesktopLinks& links,
                                   GameRecord& record, const Placement& place);

} // namespace rustland::bench
