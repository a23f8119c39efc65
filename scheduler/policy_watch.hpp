// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rustland {

// What there is to see of a policy from outside its thread. The numbers only grow.
struct PolicySigns {
    std::uint64_t errors = 0;      // exceptions
    std::string first_error;       // "enqueue(): what it threw"
    std::uint64_t fallback = 0;    // tasks that ran without a decision when the lease was over
    std::uint64_t unasked = 0;     // … that ran so since user space did nothing at all
    std::uint64_t allocations = 0; // calls of the memory allocator by its thread
    std::uint64_t overflows = 0;   // allocations that PolicyMemory had no room for
    Nanos longest_round;           // of the dispatch loop
};

// Finds out what is wrong with a policy and says it, each fault once. Pure; used by the main
// thread, which looks now and then while there is work.
class PolicyWatch {
  public:
    PolicyWatch(std::string policy, Nanos lease) : policy_(std::move(policy)), lease_(lease) {}

    // Warnings for the log, mostly none.
    [[nodiscard]] std::vector<std::string> look(const PolicySigns& signs);

  private:
    // So many tasks between two looks are more than bad luck.
    static constexpr std::uint64_t kMany = 10;
    [[nodiscard]] std::string undecided(const PolicySigns& signs);

    std::string policy_;
    Nanos lease_;
    PolicySigns before_;
    int forgetful_looks_ = 0;
    bool error_told_ = false;
    bool block_told_ = false;
    bool silence_told_ = false;
    bool forgetting_told_ = false;
    bool allocations_told_ = false;
    bool overflows_told_ = false;
};

} // namespace rustland
