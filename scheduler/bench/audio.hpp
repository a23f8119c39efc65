// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/desktop.hpp"
#include "bench/game_record.hpp"
#include "bench/workers.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace rustland::bench {

// The audio thread of the game: wakes up for each period, mixes it and, with a sound server, hands
// it over to that; without one it records the period itself.
class AudioThread {
  public:
    AudioThread(const GameConfig& config, Nanos origin, GameRecord& record,
                const DesktopLinks& desktop);
    AudioThread(const AudioThread&) = delete;
    AudioThread& operator=(const AudioThread&) = delete;
    AudioThread(AudioThread&&) = delete;
    AudioThread& operator=(AudioThread&&) = delete;
    ~AudioThread() { stop(Nanos{}); }

    // Returns when all periods that start before `end` are recorded.
    void finish(Nanos end);
    [[nodiscard]] std::uint64_t iterations() const { return tally_.done(); }

  private:
    void serve();
    void stop(Nanos end);
    void lose(std::int64_t period, Nanos lateness);
    void mix(std::int64_t period);

    Tally tally_; // first, as it is aligned to cache lines
    AudioClock clock_;
    GameRecord& record_;
    const DesktopLinks& desktop_;
    bool sound_server_;
    std::uint64_t work_;
    std::atomic<std::int64_t> stop_at_{INT64_MAX};
    std::thread thread_; // last: it uses all of the above
};

} // namespace rustland::bench
