// SPDX-License-Identifier: GPL-2.0-only
// The journal: what a unit wrote.
#pragma once

#include "supervisor/system/command_output.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace rustland::supervisor {

// What units wrote, read by another process: the journal may be large, and its disk slow.
class JournalReader {
  public:
    explicit JournalReader(Loop& loop, std::string program = "journalctl",
                           Nanos patience = seconds(2))
        : loop_(loop), program_(std::move(program)), patience_(patience) {}

    // Hands the last lines over that a unit's run wrote, oldest first, from the event loop and in
    // `patience` at the latest; empty where they cannot be had.
    void read(const std::string& unit, const std::string& invocation,
              const std::function<void(std::string)>& deliver);

  private:
    Loop& loop_;
    std::string program_;
    Nanos patience_;
    std::map<int, std::unique_ptr<CommandOutput>> reading_;
    int next_ = 0;
};

} // namespace rustland::supervisor
