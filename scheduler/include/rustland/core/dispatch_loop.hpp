// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/core/counters.hpp"
#include "rustland/core/kernel.hpp"
#include "rustland/policy/policy.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace rustland {

// Carries tasks from the kernel to the policy and decisions back, one batch a round. Owned and used
// by the scheduling thread; the counters may be read by any. All memory is part of the object. An
// exception of the policy ends here: the task that it was told of is decided without it.
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
        : kernel_(kernel), policy_(policy), counters_(counters), slice_(slice),
          wants_exits_(policy.wants_exits()), tick_interval_(policy.tick_interval()) {}

    Round run_once(Nanos now);
    // Tasks that the policy holds.
    [[nodiscard]] std::size_t waiting();

  private:
    static constexpr int kMaxRetries = 8;

    // Calls `ask`, which asks the policy for something. False if it threw; that is counted.
    template <typename Ask> bool guarded(PolicyCall call, Ask ask);
    void tick(Nanos now);
    void collect_exits(Nanos now);
    void collect(Nanos now);
    void pick(Nanos now);
    void decide_without_policy(const QueuedTask& task);
    void commit();

    Kernel& kernel_;
    Policy& policy_;
    LoopCounters& counters_;
    Nanos slice_;
    bool wants_exits_;
    Nanos tick_interval_;
    std::optional<Nanos> last_tick_;

    std::array<Pid, Kernel::kMaxDecisions> exited_{};
    std::array<QueuedTask, Kernel::kMaxDecisions> received_{};
    // The batch to commit: first those to be retried, then new ones.
    std::array<Decision, Kernel::kMaxDecisions> batch_{};
    std::array<CommitResult, Kernel::kMaxDecisions> results_{};
    std::array<int, Kernel::kMaxDecisions> tries_{};
    std::size_t batched_ = 0;
    std::size_t received_count_ = 0;
};

} // namespace rustland
