// SPDX-License-Identifier: GPL-2.0-only
// What rustland says of itself on its socket.
#pragma once

#include "rustland/common/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace rustland::bench {

inline constexpr const char* kDefaultSocket = "/run/rustland/scheduler.sock";

// Counters of decisions since it was attached.
struct DecisionCounts {
    double queued = 0;    // tasks that were given to the policy
    double congested = 0; // that could not be given to it
    double decided = 0;   // that it decided
};

// From the answer, one line of JSON.
Result<DecisionCounts> parse_decision_counts(std::string_view answer);

// Asks; gives up after a second, as a scheduler that is stopped does not answer.
Result<DecisionCounts> query_decision_counts(const std::string& socket_path);

// Tells the running scheduler which process is watched (root alone may).
Status announce_foreground(const std::string& socket_path, int pid);

// The share of the contended tasks that the policy decided, in percent; nothing if there were none.
std::optional<double> decided_percent(const DecisionCounts& before, const DecisionCounts& after);

} // namespace rustland::bench
