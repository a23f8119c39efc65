// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"
#include "rustland/policy/run_queue.hpp"

namespace rustland {

// The numbers of the deadline policy. The defaults are what `rustland` uses.
struct DeadlineParams {
    Nanos slice_max = millis(20); // slice while nobody waits
    Nanos slice_min = millis(1);  // shortest slice, for every weight
    // A task's lag (vruntime against the clock of all tasks) counts up to these bounds. Together
    // with burst_cap they bound how far a deadline lies from now, and so the waiting time.
    Nanos lag_credit = millis(20);
    Nanos lag_debt = millis(250);
    Nanos burst_cap = millis(100); // largest expected burst that counts
    // A task that gives the CPU up after this long, or sooner, is charged less for its CPU time:
    // half as much at half of it, down to 1 / boost_max.
    Nanos boost_burst = millis(16);
    std::uint32_t boost_max = 8;
    // Foreground tasks come this much earlier than their deadline among each other would say.
    Nanos foreground_credit = millis(300);
    // Share of the CPU time that the foreground leaves to others that want it, in percent, 0 to 90.
    std::uint32_t others_share = 10;
    std::uint32_t nr_cpus = 1;
};

// Earliest deadline first, evaluated from CPU time used and from how soon a task gives the CPU up
// by itself:
//
//     deadline = now + clamp(vruntime - vclock, -lag_credit, lag_debt) + burst
//
// vruntime   CPU time * 100 / (weight * boost)
// vclock     the running mean of the vruntime of the tasks that compete for CPUs
// burst      expected CPU time until it sleeps: the mean of its last bursts, or what it has used
//            since it last slept if that is more; at most burst_cap
// boost      boost_burst / burst, between 1 and boost_max: tasks with short bursts (input, audio,
//            frames) may use more than an equal share
// slice      slice_max / min(1 + waiting tasks per CPU, 4) * weight / heaviest, at least slice_min;
//            heaviest is the largest weight of the tasks that lately computed without sleeping
//
// Foreground tasks, unless they have left less than others_share to the rest of late:
//
//     deadline = now - foreground_credit + clamp(lag, -lag_credit, lag_credit) + min(burst, 50 ms)
//
// and while there are any, the rest is counted in 2/5 of the time to come, so that it waits no
// longer than without them by much. Background tasks have a tenth of their weight, half the
// slice, and interrupt nobody.
//
// The base, deadline = vruntime + CPU time since the last sleep (capped) with a slice inversely
// proportional to the number of waiting tasks, is the published policy of scx_rustland. Because
// the deadline is a point in time, a waiting task ages: whatever is enqueued later than
// lag_credit + lag_debt + burst_cap after it comes after it.
class DeadlinePolicy final : public Policy {
  public:
    DeadlinePolicy(const DeadlineParams& params, std::size_t capacity)
        : params_(params), queue_(capacity) {}

    [[nodiscard]] const char* name() const override { return "deadline"; }
    [[nodiscard]] bool enqueue(const QueuedTask& task, Nanos now) override;
    [[nodiscard]] std::optional<Decision> pick(Nanos now) override;
    [[nodiscard]] bool hands_on() const override { return true; }
    [[nodiscard]] std::size_t waiting() const override { return queue_.size(); }

    // Longest distance between the moment of enqueue and the deadline.
    [[nodiscard]] static Nanos deadline_bound(const DeadlineParams& params) {
        return params.lag_debt + params.burst_cap;
    }
    // The same while there are foreground tasks.
    [[nodiscard]] static Nanos squeezed(Nanos ahead) {
        return ahead.value > 0 ? ahead * 2 / 5 : ahead;
    }

  private:
    static constexpr std::int64_t kNormalWeight = 100;
    static constexpr std::int64_t kMaxWeightRatio = 10;
    void learn_heaviest(const QueuedTask& task);
    void account_shares(bool foreground, Nanos used, Nanos now);
    [[nodiscard]] Nanos slice_for(const QueuedTask& task) const;

    DeadlineParams params_;
    RunQueue queue_;
    Nanos vclock_;
    std::int64_t heaviest_ = kNormalWeight; // of the tasks that compute, 100 to 1000
    Nanos last_foreground_ = Nanos{} - seconds(1000);
    Nanos last_other_ = Nanos{} - seconds(1000);
    Nanos others_since_;    // when others began to want CPU time, the last time that they did
    Nanos owed_;            // CPU time that the foreground has to leave to others
    bool repaying_ = false; // the foreground has no credit until nothing is owed
};

} // namespace rustland
