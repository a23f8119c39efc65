// SPDX-License-Identifier: GPL-2.0-only
#include "policy_watch.hpp"

#include <fmt/format.h>
#include <utility>

namespace rustland {

std::vector<std::string> PolicyWatch::look(const PolicySigns& signs) {
    std::vector<std::string> warnings;
    if (signs.errors > 0 && !std::exchange(error_told_, true))
        warnings.push_back(fmt::format("the policy {} threw in {}: what it was asked about is "
                                       "decided without it (policy_errors)",
                                       policy_, signs.first_error));
    if (auto text = undecided(signs); !text.empty())
        warnings.push_back(std::move(text));
    if (signs.allocations > 0 && !std::exchange(allocations_told_, true))
        warnings.push_back(fmt::format("the policy {} allocates memory while it schedules: {} "
                                       "calls so far (allocations). Take it at construction",
                                       policy_, signs.allocations));
    if (signs.overflows > 0 && !std::exchange(overflows_told_, true))
        warnings.push_back(fmt::format("the policy {} wants more memory than its program gave it "
                                       "(Program::memory_bytes): the rest comes from the heap "
                                       "(memory_overflows)",
                                       policy_));
    before_ = signs;
    return warnings;
}

// Tasks that ran without a decision: did the policy not answer, or not answer for them?
std::string PolicyWatch::undecided(const PolicySigns& signs) {
    const std::uint64_t fallback = signs.fallback - before_.fallback;
    const std::uint64_t unasked = signs.unasked - before_.unasked;
    if (signs.longest_round > lease_ && signs.longest_round > before_.longest_round) {
        forgetful_looks_ = 0;
        if (std::exchange(block_told_, true))
            return {};
        return fmt::format("the policy {} blocks: one round of decisions took {} ms, the lease is "
                           "{} ms; meanwhile {} tasks ran without one (longest_round)",
                           policy_, signs.longest_round.value / 1'000'000, lease_.value / 1'000'000,
                           fallback + unasked);
    }
    if (fallback + unasked < kMany) {
        forgetful_looks_ = 0;
        return {};
    }
    if (unasked >= fallback) {
        forgetful_looks_ = 0;
        if (std::exchange(silence_told_, true))
            return {};
        return fmt::format("{} tasks ran without a decision since the policy's thread got no CPU "
                           "in time (unasked). Beside many real-time tasks try --realtime",
                           fallback + unasked);
    }
    if (++forgetful_looks_ < 2 || std::exchange(forgetting_told_, true))
        return {};
    return fmt::format("the policy {} forgets tasks: {} of late ran only when the lease of {} ms "
                       "was over, while it decided about others (fallback)",
                       policy_, fallback, lease_.value / 1'000'000);
}

} // namespace rustland
