// SPDX-License-Identifier: GPL-2.0-only
// Who ran, who waited, and for whom. Pure.
#pragma once

#include "supervisor/ctl/trace_text.hpp"

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace rustland::supervisor {

// Counts of durations: under 10 us, 100 us, 1 ms, 10 ms, 100 ms, and longer.
struct DurationHistogram {
    static constexpr std::array<std::int64_t, 5> kBounds{10'000, 100'000, 1'000'000, 10'000'000,
                                                         100'000'000};
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    std::uint64_t count = 0;
    Nanos total;
    Nanos longest;
    void add(Nanos duration);
};

struct TaskSummary {
    std::int32_t pid = 0; // of the thread
    std::string comm;
    DurationHistogram runs;  // from getting a CPU to leaving it
    DurationHistogram waits; // from wanting a CPU to getting one
};

struct LongWait {
    std::int32_t pid = 0;
    std::string comm;
    int cpu = 0; // that it got in the end
    Nanos from;
    Nanos length;
    // What ran on that CPU meanwhile, longest first; "idle" where nothing did.
    std::vector<std::pair<std::string, Nanos>> meanwhile;
};

struct TraceSummary {
    Nanos start;
    Nanos length;
    std::uint64_t switches = 0;
    std::uint64_t wakeups = 0;
    std::uint64_t others = 0;
    std::uint64_t lost = 0;
    std::vector<TaskSummary> tasks;      // by CPU time, most first
    std::vector<LongWait> longest_waits; // longest first
};

TraceSummary summarise(const Trace& trace, std::size_t longest_waits = 10);

// `most_tasks`: how many are shown.
std::string to_text(const TraceSummary& summary, std::size_t most_tasks = 20);
nlohmann::json to_json(const TraceSummary& summary);

} // namespace rustland::supervisor
