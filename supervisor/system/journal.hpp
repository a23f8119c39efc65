// SPDX-License-Identifier: GPL-2.0-only
// The journal: what a unit wrote, and our own events with fields to search for.
#pragma once

#include "rustland/common/clean_text.hpp"
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

// True where standard error is the journal, so that events may go there with their fields.
bool logs_to_journal();

// One event: RUSTLAND_EVENT=kind, and RUSTLAND_DUMP= where a scheduler left one.
void journal_event(int priority, const std::string& kind, const CleanLine& text,
                   const CleanBlock& dump);

} // namespace rustland::supervisor
