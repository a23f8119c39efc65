// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "bench/game_record.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace rustland::bench {

// The load that is a part of the game's own process: threads that compile shaders, one after the
// other, from the moment at which the controller lets the load begin. None if the game has no such
// load.
class ShaderThreads {
  public:
    ShaderThreads(const GameConfig& config, const LoadCounters& counters, GameRecord& record);
    ShaderThreads(const ShaderThreads&) = delete;
    ShaderThreads& operator=(const ShaderThreads&) = delete;
    ShaderThreads(ShaderThreads&&) = delete;
    ShaderThreads& operator=(ShaderThreads&&) = delete;
    ~ShaderThreads();

  private:
    void compile(unsigned slot);

    const GameConfig& config_;
    const LoadCounters& counters_;
    GameRecord& record_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

} // namespace rustland::bench
