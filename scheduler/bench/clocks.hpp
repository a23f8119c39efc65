// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/clock.hpp"

#include <cerrno>
#include <ctime>

namespace rustland::bench {

// CPU time that the calling thread has used.
inline Nanos thread_cpu_now() {
    timespec ts{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return Nanos{std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec};
}

inline double to_seconds(Nanos t) { return static_cast<double>(t.value) / 1e9; }

inline timespec to_timespec(Nanos t) {
    timespec ts{};
    ts.tv_sec = static_cast<time_t>(t.value / 1'000'000'000);
    ts.tv_nsec = static_cast<long>(t.value % 1'000'000'000);
    return ts;
}

// Sleeps until the point t of CLOCK_MONOTONIC; returns at once when it has passed.
inline void sleep_until(Nanos t) {
    const timespec ts = to_timespec(t);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
    }
}

inline void sleep_for(Nanos span) { sleep_until(monotonic_now() + span); }

} // namespace rustland::bench
