// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/core/counters.hpp"
#include "rustland/core/kernel.hpp"
#include "rustland/policy/policy.hpp"

#include <array>
#include <cstddef>

namespace rustland {

// Carries tasks from the kernel to the policy and decisions back, one batch a round. Owned and used
// by the scheduling thread; the counters may be read by any. All memory is part of the object.
class DispatchLoop {
  public:
    // What a round left behind.
    enum class Round {
        Idle,  // nothing was there to do
        Done,  // a batch was dealt with; more may have come
        Retry, // some decisions must be committed again soon
    };

    // `slice` is what a task gets that the policy had no room for.
    DispatchLoop(Kernel& kernel, Policy& policy, LoopCounters& counters, Nanos slice)
        : kernel_(kernel), policy_(policy), counters_(counters), slice_(slice) {}

    Round run_once(Nanos now);

  private:
    static constexpr int kMaxRetries = 8;

    void collect(Nanos now);
    void decide_without_policy(const QueuedTask& task);
    void commit();

    Kernel& kernel_;
    Policy& policy_;
    LoopCounters& counters_;
    Nanos slice_;

    std::array<QueuedTask, Kernel::kMaxDecisions> received_{};
    // The batch to commit: first those to be retried, then new ones.
    std::array<Decision, Kernel::kMaxDecisions> batch_{};
    std::array<CommitResult, Kernel::kMaxDecisions> results_{};
    std::array<int, Kernel::kMaxDecisions> tries_{};
    std::size_t batched_ = 0;
    std::size_t received_count_ = 0;
};

} // namespace rustland
