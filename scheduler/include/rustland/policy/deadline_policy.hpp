// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"
#include "rustland/policy/run_queue.hpp"

#include <array>
#include <span>

namespace rustland {

// The numbers of the deadline policy. The defaults are what `rustland` uses; those of the fair
// shares, which the kernel side keeps account of, are in bpf/fair_math.h.
struct DeadlineParams {
    Nanos slice_max = millis(20); // slice while nobody waits
    Nanos slice_min = millis(1);  // shortest slice, for every weight
    // A task that is owed CPU time comes at most this much before the present moment.
    Nanos credit = millis(20);
    // Farthest deadline, and so a bound of the waiting time.
    Nanos wait_max = millis(300);
    // Foreground tasks come this much earlier than their deadline among each other would say.
    Nanos foreground_credit = millis(300);
    // Share of the CPU time that the foreground leaves to others that want it, in percent, 0 to 90.
    std::uint32_t others_share = 10;
    std::uint32_t nr_cpus = 1;
};

// Earliest virtual deadline first, with learned requests:
//
//     deadline = now + clamp((request - lag) * stretch, -credit, wait_max)
//
// request    CPU time that it wants at a time: the mean of its last bursts, or what it has used
//            since it last slept if that is more; 20 ms at most, and for a task that has not slept
//            yet
// lag        what it deserves and has not got; kept by the kernel side, true to the CPU time used
// stretch    how much real time passes while it deserves a unit of CPU time; kept there, too, and
//            with the weights of the task and of all its groups in it
// slice      slice_max / min(1 + waiting tasks per CPU, 4), or 5/4 of the mean burst if that is
//            more, so that who is about to sleep gets there; at least slice_min
//
// A short request brings a deadline nearer and takes nothing from the shares: the lag counts what
// was used. Foreground tasks, unless they have left less than others_share to the rest of late:
//
//     deadline = now - foreground_credit + clamp((request - lag) * stretch, -credit, 50 ms)
//
// What a foreground task wakes comes as early, if its mean burst is below 2 ms, and all of that
// together gets at most 5 % of the machine. While there are foreground tasks, the rest is counted
// in 2/5 of the time to come, so that it waits no longer than without them by much. Background
// tasks have a tenth of their weight, and interrupt nobody; nor do those of SCHED_BATCH and
// SCHED_IDLE.
//
// This is EEVDF's order (Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995)
// with the request learned instead of fixed, and without its test of eligibility. Because the
// deadline is a point in time, a waiting task ages: whatever is enqueued later than
// credit + wait_max after it comes after it.
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
        return params.wait_max;
    }
    // "inherited": tasks that came as early as the foreground because it had woken them.
    [[nodiscard]] std::span<const NamedCounter> counters() const override { return counters_; }

  private:
    static constexpr std::uint32_t kSqueeze = 410; // beside a foreground: 2/5, of 1024
    [[nodiscard]] bool inherits(Nanos mean_burst, Nanos used, Nanos now);
    [[nodiscard]] Standing rule_for(bool first, bool beside) const;
    void account_shares(bool foreground, Nanos used, Nanos now);
    [[nodiscard]] Nanos slice_for(const QueuedTask& task, Nanos mean_burst, Nanos cap) const;

    DeadlineParams params_;
    RunQueue queue_;
    Nanos last_foreground_ = Nanos{} - seconds(1000);
    Nanos last_other_ = Nanos{} - seconds(1000);
    Nanos others_since_; // when others began to want CPU time, the last time that they did
    Nanos owed_;         // CPU time that the foreground has to leave to others
    Nanos inherited_;    // CPU time that went to what the foreground woke, beyond its part
    Nanos inherited_at_; // as of then
    Counter inherits_;
    std::array<NamedCounter, 1> counters_{{{"inherited", &inherits_}}};
    bool repaying_ = false; // the foreground has no credit until nothing is owed
};

} // namespace rustland
