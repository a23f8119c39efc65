// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "allocation_hooks.hpp"
#include "rustland/kernel/allocation_sink.hpp"

#include <benchmark/benchmark.h>

namespace rustland::micro {

// Whether any benchmark has failed: the library's own exit status does not say.
inline bool failed = false;

inline void fail(benchmark::State& state, const char* why) {
    failed = true;
    state.SkipWithError(why);
}

// Counts this thread's calls of the allocator while it exists, and makes the benchmark fail where
// there were any.
class NoAllocation {
  public:
    explicit NoAllocation(benchmark::State& state) : state_(state) { allocation_sink = &calls_; }
    NoAllocation(const NoAllocation&) = delete;
    NoAllocation& operator=(const NoAllocation&) = delete;
    ~NoAllocation() {
        allocation_sink = nullptr;
        if (!counts_allocations())
            return;
        if (calls_.get() > 0)
            fail(state_, "memory was allocated or freed");
        state_.counters["allocations"] = static_cast<double>(calls_.get());
    }

  private:
    benchmark::State& state_;
    Counter calls_;
};

} // namespace rustland::micro
