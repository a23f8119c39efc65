// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"

#include <ctime>

namespace rustland {

// CLOCK_MONOTONIC now. Only the thin layers call it; pure code gets the time passed in.
inline Nanos monotonic_now() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return Nanos{std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec};
}

// What the clock on the wall shows, in milliseconds since 1970: for people, and for what outlives a
// process. It may jump.
inline std::int64_t wall_clock_ms() {
    timespec ts{};
    ::clock_gettime(CLOCK_REALTIME, &ts);
    return std::int64_t{ts.tv_sec} * 1000 + ts.tv_nsec / 1'000'000;
}

} // namespace rustland
