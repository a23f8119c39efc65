// SPDX-License-Identifier: GPL-2.0-only
// The account of fair shares that the kernel side keeps, for the simulated machine: the same
// formulas (bpf/fair_math.h) and the same moments (bpf/fair.bpf.h), with groups one level deep.
#pragma once

#include "rustland/common/types.hpp"
#include "rustland/policy/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

namespace rustland::testing {

// One task's account.
struct FairAccount {
    enum class Start {
        Other,
        Idle,
        First,
        Aged
    }; // what its next start says, as in bpf/state.bpf.h

    Nanos lag;
    std::uint64_t clock_at = 0;
    std::size_t clock = 0;
    std::uint64_t flat = 0;
    std::uint32_t weight = 100; // 100 is nice 0
    int group = 0;              // 0: none
    bool background = false;
    bool active = false;
    bool asleep = false;
    Start start = Start::Other;
    Nanos request;                  // of the last decision
    Nanos request_cap = millis(20); // the largest that it may have now
    Nanos sum_exec;
    Nanos round_from; // its last turn, 0: it has had none since it slept
    Nanos round_exec; // sum_exec then
};

// Virtual clocks and groups. Single-threaded; all times are those of the simulated machine.
class FairShares {
  public:
    // A group's weight among the other groups and the tasks without one; 100 by default.
    void set_group_weight(int group, std::uint32_t weight) { groups_[group].weight = weight; }

    // A new task: what the clock did before does not concern it.
    void enter(FairAccount& account, std::size_t clock);
    void runnable(FairAccount& account, std::size_t clock);
    void quiescent(FairAccount& account);
    void running(FairAccount& account, Nanos now);
    void used(FairAccount& account, Nanos time);
    // It comes first among those that wait: with a slice used up, it goes on.
    void first(FairAccount& account, bool goes_on, Nanos now);
    // What it uses is taken from nobody.
    static void forgive(FairAccount& account);
    [[nodiscard]] std::uint32_t stretch(FairAccount& account);

  private:
    struct Clock {
        std::uint64_t time = 0;
        std::uint64_t pace = 1024;
        std::uint64_t span_since = 0;
        std::uint64_t span_from = 0;
        std::uint64_t pace_of_service = 0; // before the first span is over
        std::uint64_t served = 0;          // in the last few spans, of the tasks that tell it
        std::uint64_t weight_time = 0;
    };
    struct Group {
        std::uint32_t weight = 100;
        std::uint64_t active = 0;
    };
    [[nodiscard]] static std::uint64_t own_weight(const FairAccount& account);
    [[nodiscard]] std::uint64_t flat(const FairAccount& account);
    void settle(FairAccount& account, Nanos used);
    void count_round(FairAccount& account, bool goes_on, Nanos now);
    static void measure(Clock& clock, Nanos now);

    std::map<std::size_t, Clock> clocks_;
    std::map<int, Group> groups_;
};

} // namespace rustland::testing
