// SPDX-License-Identifier: GPL-2.0-only
// Reads the text that the kernel writes of a trace (tracefs, file "trace"): what the Perfetto page
// opens, and what a summary is made of. Strict. Pure.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rustland::supervisor {

// A CPU went from one task to another; pid 0 is idle.
struct SwitchEvent {
    std::string prev_comm;
    std::int32_t prev_pid = 0;
    bool prev_runnable = false; // it wanted to go on
    std::string next_comm;
    std::int32_t next_pid = 0;
};

// A task is about to become runnable.
struct WakingEvent {
    std::string comm;
    std::int32_t pid = 0;
};

struct OtherEvent {
    std::string name;
};

struct TraceEvent {
    Nanos at;
    int cpu = 0;
    std::variant<SwitchEvent, WakingEvent, OtherEvent> what;
};

struct Trace {
    std::vector<TraceEvent> events;
    std::uint64_t lost = 0; // that the kernel had no room for
};

// Errors name the line. `name` is what they call the text.
Result<Trace> parse_trace(std::string_view text, const std::string& name);

} // namespace rustland::supervisor
