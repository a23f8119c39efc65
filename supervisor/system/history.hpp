// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace rustland::supervisor {

// One thing that happened, with the wall-clock time in milliseconds since 1970.
struct HistoryEntry {
    std::int64_t time_ms = 0;
    std::string kind; // "start", "attached", "failed", "exited", "stop", "workload", "config", …
    std::string text;
    std::string dump; // a scheduler's last output, where there is one
};

// The last things that happened, oldest first.
class History {
  public:
    void add(HistoryEntry entry) {
        entries_.push_back(std::move(entry));
        if (entries_.size() > kMost)
            entries_.pop_front();
    }
    [[nodiscard]] const std::deque<HistoryEntry>& entries() const { return entries_; }

  private:
    static constexpr std::size_t kMost = 200;
    std::deque<HistoryEntry> entries_;
};

} // namespace rustland::supervisor
