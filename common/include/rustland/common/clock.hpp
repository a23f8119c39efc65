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

} // namespace rustland
