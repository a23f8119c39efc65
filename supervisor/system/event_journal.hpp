// SPDX-License-Identifier: GPL-2.0-only
// Our own events in the journal, with fields to search for.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "supervisor/system/datagram.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

// True where standard error is the journal, so that events may go there with their fields.
bool logs_to_journal();

// What the journal's socket takes for one entry: fields with their values, whatever is in these
// (systemd's "Native Journal Protocol").
std::string journal_entry(const std::vector<std::pair<std::string, std::string>>& fields);

// Writes to the journal without waiting for it: an event that it does not take is counted, and the
// number is told with the next one that it takes. libsystemd's own function waits.
class EventJournal {
  public:
    explicit EventJournal(std::string socket = "/run/systemd/journal/socket")
        : socket_(std::move(socket)) {}

    // RUSTLAND_EVENT=kind, and RUSTLAND_DUMP= where a scheduler left one.
    void write(int priority, const std::string& kind, const CleanLine& text,
               const CleanBlock& dump);
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

  private:
    DatagramSender socket_;
    std::uint64_t lost_ = 0; // since the last one that was taken
};

} // namespace rustland::supervisor
