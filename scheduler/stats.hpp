// SPDX-License-Identifier: GPL-2.0-only
// The statistics: what they are called, what they mean, and how they are shown.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/core/counters.hpp"
#include "rustland_abi.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rustland {

// Everything that is known at one moment.
struct Snapshot {
    Nanos uptime;
    rl_counters kernel{};
    rl_waits waits{};
    // What the kernel side tells of itself.
    bool lease_active = false;
    bool limits_missed = false;
    // What the dispatch loop counted.
    struct Loop {
        std::uint64_t rounds = 0;
        std::uint64_t received = 0;
        std::uint64_t moved = 0;
        std::uint64_t given_up = 0;
        std::uint64_t no_room = 0;
        std::uint64_t budget_sleeps = 0;
        std::uint64_t exits = 0;
        std::uint64_t policy_errors = 0;
    } loop;
    std::uint64_t memory_overflows = 0;
    Nanos longest_round;
    std::uint64_t policy_waiting = 0;
    // What the system tells; nothing where it does not.
    std::optional<std::uint64_t> online_cpus;
    std::optional<std::uint64_t> runnable;
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint64_t> page_faults;
    std::optional<std::uint64_t> allocations;
    Nanos thread_cpu;
    bool realtime = false;

    void set_loop(const LoopCounters& counters);
};

enum class FieldKind {
    Counter, // only grows
    Gauge,   // the state at this moment
};

// A value of the statistics; nothing where it is not known.
using Value = std::optional<double>;

struct Field {
    const char* name;
    FieldKind kind;
    const char* unit; // empty for plain numbers
    const char* help;
    Value (*get)(const Snapshot& snapshot);
};

// All of them, in the order in which they are shown.
std::span<const Field> stats_fields();

// Values in the order of stats_fields().
using Values = std::vector<Value>;
Values values_of(const Snapshot& snapshot);

// {"queued": 12, …}; null for what is not known.
nlohmann::json to_json(const Values& values);
// The same into an object that may be there from the last time: a fraction of the cost.
void update_json(nlohmann::json& json, const Values& values);
// The reverse. Unknown names are passed over and missing ones stay unknown, so that two versions
// understand each other; anything but an object with numbers is an error.
Result<Values> values_from_json(const nlohmann::json& json);

// The table of --stats and --monitor: counters as rates between two moments, gauges as they are.
std::string stats_heading();
std::string stats_line(const Values& before, const Values& now);

std::string help_stats_text();

} // namespace rustland
