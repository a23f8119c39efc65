// SPDX-License-Identifier: GPL-2.0-only
// A round of the dispatch loop: a burst of tasks in, their decisions out.
#include "no_allocation.hpp"
#include "rustland/core/dispatch_loop.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "tasks.hpp"

#include <algorithm>
#include <memory>

using namespace rustland;
using namespace rustland::micro;

namespace {

// A kernel that costs next to nothing: what is left is the loop and the policy.
class Burst final : public Kernel {
  public:
    explicit Burst(std::size_t size) : tasks_(size), size_(size) {}

    void refill(Nanos now) {
        now_ = now;
        left_ = size_;
    }
    std::size_t receive(std::span<QueuedTask> out) override {
        const std::size_t n = std::min(left_, out.size());
        for (std::size_t i = 0; i < n; ++i)
            out[i] = tasks_.next(size_ - left_ + i, now_);
        left_ -= n;
        return n;
    }
    void commit(std::span<const Decision> decisions, std::span<CommitResult> results) override {
        for (std::size_t i = 0; i < decisions.size(); ++i) {
            tasks_.decided(decisions[i]);
            results[i] = CommitResult::Moved;
        }
    }

  private:
    Tasks tasks_;
    std::size_t size_;
    std::size_t left_ = 0;
    Nanos now_;
};

void round(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    Burst kernel(size);
    DeadlinePolicy policy({.nr_cpus = 4}, 1024);
    LoopCounters counters;
    const auto loop = std::make_unique<DispatchLoop>(kernel, policy, counters, millis(20));
    Nanos now = seconds(1000);
    {
        NoAllocation none(state);
        while (state.KeepRunning()) {
            now += millis(1);
            kernel.refill(now);
            if (loop->run_once(now) != DispatchLoop::Round::Done)
                return fail(state, "the loop had nothing to do");
        }
    }
    const auto rounds = static_cast<std::uint64_t>(state.iterations());
    if (counters.moved.get() != rounds * size)
        fail(state, "decisions are missing");
    state.SetItemsProcessed(static_cast<std::int64_t>(rounds * size));
}

} // namespace

BENCHMARK(round)->Name("round of the dispatch loop")->Arg(1)->Arg(4)->Arg(16)->Arg(64)->Arg(256);
