// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rustland {

// What the kernel answers to one decision.
enum class CommitResult : std::uint8_t {
    Moved, // the task waits for a CPU in deadline order
    Stale, // the enqueue is over: the task slept, ran, left or was enqueued anew
    Retry, // the kernel has not finished queueing the task: commit the decision again
};

// The seam between the dispatch loop and the kernel. Called by the scheduling thread alone.
class Kernel {
  public:
    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    Kernel(Kernel&&) = delete;
    Kernel& operator=(Kernel&&) = delete;
    virtual ~Kernel() = default;

    // Takes waiting tasks out of the ring, oldest first, up to out.size(); returns how many.
    virtual std::size_t receive(std::span<QueuedTask> out) = 0;

    // Tasks that have been received at least once and are gone since; up to out.size(), returns how
    // many. Only where the kernel side was told that somebody wants to know. Asked before
    // receive(), so that a new task with the same Pid comes later.
    virtual std::size_t receive_exited(std::span<Pid> out) {
        static_cast<void>(out);
        return 0;
    }

    // Carries out up to kMaxDecisions decisions in one call; results[i] answers decisions[i]. An
    // empty commit tells the kernel that we are alive.
    virtual void commit(std::span<const Decision> decisions, std::span<CommitResult> results) = 0;

    static constexpr std::size_t kMaxDecisions = 256;
};

} // namespace rustland
