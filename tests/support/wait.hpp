// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/clock.hpp"
#include "supervisor/system/loop.hpp"

namespace rustland::test {

// Longer than anything takes that a test waits for, on a busy machine, too.
inline constexpr Nanos kPatience = seconds(60);

// Runs the loop until `done` holds; false where it does not within the deadline.
template <typename Done>
bool run_until(supervisor::Loop& loop, const Done& done, Nanos within = kPatience) {
    const Nanos deadline = monotonic_now() + within;
    while (!done()) {
        if (monotonic_now() >= deadline)
            return false;
        loop.run_once(millis(20));
    }
    return true;
}

} // namespace rustland::test
