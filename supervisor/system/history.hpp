// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/clean_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <sys/types.h>
#include <utility>

namespace rustland::supervisor {

// One thing that happened, with the wall-clock time in milliseconds since 1970.
struct HistoryEntry {
    std::int64_t time_ms = 0;
    std::string kind; // "start", "attached", "failed", "exited", "stop", "workload", "config", …
    CleanLine text;
    CleanBlock dump; // a scheduler's last output, where there is one
    // A process of a user that it is about, for this user and administrators alone.
    CleanLine process;
    uid_t user = 0;
};

// The last things that happened, oldest first.
class History {
  public:
    void add(HistoryEntry entry) {
        const std::string kind = entry.kind;
        entries_.push_back(std::move(entry));
        // What users can make happen as often as they like must not push out what an administrator
        // looks for.
        const auto of_kind = [&](const HistoryEntry& e) { return e.kind == kind; };
        if (std::count_if(entries_.begin(), entries_.end(), of_kind) > kMostOfAKind)
            entries_.erase(std::find_if(entries_.begin(), entries_.end(), of_kind));
        if (entries_.size() > kMost)
            entries_.pop_front();
    }
    [[nodiscard]] const std::deque<HistoryEntry>& entries() const { return entries_; }

  private:
    static constexpr std::size_t kMost = 200;
    static constexpr std::ptrdiff_t kMostOfAKind = 30;
    std::deque<HistoryEntry> entries_;
};

} // namespace rustland::supervisor
