// SPDX-License-Identifier: GPL-2.0-only
// What is spoken on the socket: JSON, one object a line. Pure.
//
//   {"request":"stats"}                      -> one answer with the statistics
//   {"request":"subscribe","interval":1.0}   -> one at once, then one each interval (seconds)
//   {"request":"classes","foreground":[PID,…],"background":[PID,…],"companions":[PID,…]}
//                                            -> {"ok":true}; the classes of these processes (thread
//                                               group ids) and all that descends from them, instead
//                                               of those given before; companions are in the
//                                               foreground without what descends from them; root
//                                               alone
//   {"request":"stop"}                       -> {"ok":true}, and the scheduler ends; root alone
//
// Whatever cannot be done is answered with {"error":"…"}.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace rustland {

// Of subscriptions and tables, in seconds.
inline constexpr double kShortestInterval = 0.01;
inline constexpr double kLongestInterval = 3600;

struct Request {
    enum class Kind { Stats, Subscribe, Classes, Stop };
    Kind kind = Kind::Stats;
    Nanos interval;              // of Subscribe
    std::vector<Pid> foreground; // of Classes
    std::vector<Pid> background;
    std::vector<Pid> companions;

    // Requests that change something are root's.
    [[nodiscard]] bool needs_root() const { return kind == Kind::Stop || kind == Kind::Classes; }
};

Result<Request> parse_request(std::string_view line);

// {"error":"…"} with the end of the line.
std::string error_line(std::string_view message);

} // namespace rustland
