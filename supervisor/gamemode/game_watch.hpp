// SPDX-License-Identifier: GPL-2.0-only
// Games that are registered with GameMode become holds of rustlandd's.
//
// GameMode is on the user's bus: its list when it comes up, then its signals. rustlandd is on the
// system bus: one HoldPidfd for each game, Release when GameMode lets it go. rustlandd itself ends
// a hold when the game's process ends or when this program leaves the bus.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <systemd/sd-bus.h>
#include <vector>

namespace rustland::supervisor {

class GameWatch {
  public:
    // Watches on these buses, which it shares with the caller's loop.
    static Result<std::unique_ptr<GameWatch>> create(Loop& loop, sd_bus* user, sd_bus* system);
    GameWatch(const GameWatch&) = delete;
    GameWatch& operator=(const GameWatch&) = delete;
    GameWatch(GameWatch&&) = delete;
    GameWatch& operator=(GameWatch&&) = delete;
    ~GameWatch();

    // For the callbacks of sd-bus.
    void gamemode_owner(bool there);
    void daemon_owner(bool there);
    void listed(sd_bus_message* answer);
    void registered(Pid pid);
    void unregistered(Pid pid);
    void held(Pid pid, std::uint64_t serial, sd_bus_message* answer);

  private:
    struct Game {
        std::uint64_t serial = 0; // tells this game from another of the same pid
        UniqueFd pidfd;
        Source exit;
        std::optional<std::uint64_t> cookie;
    };
    GameWatch(Loop& loop, sd_bus* user, sd_bus* system)
        : loop_(loop), user_(user), system_(system) {}
    Status init();
    Status match(sd_bus* bus, const char* rule, sd_bus_message_handler_t handler);
    void list_games();
    void hold(Pid pid, const Game& game);
    void release(std::uint64_t cookie);
    void forget(Pid pid);

    Loop& loop_;
    sd_bus* user_;
    sd_bus* system_;
    std::vector<sd_bus_slot*> slots_;
    sd_bus_slot* list_slot_ = nullptr;
    std::map<Pid, Game> games_;
    std::uint64_t next_serial_ = 1;
};

} // namespace rustland::supervisor
