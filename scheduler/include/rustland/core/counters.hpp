// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/core/policy_fault.hpp"

#include <atomic>
#include <cstdint>

namespace rustland {

// A counter with one writer, the scheduling thread, that any thread may read without a lock.
class Counter {
  public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// What the dispatch loop counts. All only grow.
struct LoopCounters {
    Counter rounds;        // times that the loop had something to do
    Counter received;      // tasks taken out of the ring
    Counter moved;         // decisions that the kernel carried out
    Counter stale;         // … that came for an enqueue that was over
    Counter retried;       // … that had to be said again
    Counter given_up;      // … that were said again too often: left to the lease
    Counter no_room;       // tasks that the policy had no room for, decided by the loop
    Counter budget_sleeps; // times that the loop paused itself
    Counter exits;         // of tasks, told to the policy
    Counter policy_errors; // exceptions of the policy
    PolicyFault fault;
};

} // namespace rustland
