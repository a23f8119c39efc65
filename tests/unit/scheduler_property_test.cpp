// SPDX-License-Identifier: GPL-2.0-only
// Random machines with random tasks and random mishaps, thousands of them. Each is made from a
// seed, which a failure prints: run again with that one alone to look closer.
#include "rustland/core/dispatch_loop.hpp"
#include "rustland/policy/deadline_policy.hpp"
#include "rustland/policy/fifo_policy.hpp"
#include "rustland/testing/simulation.hpp"
#include "support/random_task.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace rustland;
using namespace rustland::testing;

namespace {

// Sits between the loop and the kernel and watches what the loop says of each enqueue: something,
// about nothing but what it was told, and nothing more once it was answered.
class Auditor final : public Kernel {
  public:
    explicit Auditor(Kernel& kernel) : kernel_(kernel) {}

    std::size_t receive(std::span<QueuedTask> out) override {
        const std::size_t n = kernel_.receive(out);
        for (const QueuedTask& task : out.first(n))
            EXPECT_TRUE(open_.emplace(key(task.pid, task.seq), 0).second) << "told twice";
        return n;
    }

    void commit(std::span<const Decision> decisions, std::span<CommitResult> results) override {
        EXPECT_LE(decisions.size(), kMaxDecisions);
        EXPECT_GE(results.size(), decisions.size());
        kernel_.commit(decisions, results);
        for (std::size_t i = 0; i < decisions.size(); ++i) {
            const auto found = open_.find(key(decisions[i].pid, decisions[i].seq));
            if (found == open_.end()) {
                ADD_FAILURE() << "a decision that nobody asked for, or asked for no longer";
                continue;
            }
            EXPECT_GT(decisions[i].slice, Nanos{});
            EXPECT_LE(++found->second, 8) << "said too often";
            if (results[i] != CommitResult::Retry || found->second == 8)
                open_.erase(found);
        }
    }

    // Enqueues that the loop has read and not answered for.
    [[nodiscard]] std::size_t open() const { return open_.size(); }

  private:
    static std::uint64_t key(Pid pid, std::uint64_t seq) {
        // Births are in the upper half of seq, far fewer than 2^20 here.
        return static_cast<std::uint64_t>(pid.value) << 52 ^ seq;
    }
    Kernel& kernel_;
    std::unordered_map<std::uint64_t, int> open_;
};

Nanos total(const TaskSpec& spec) {
    Nanos sum;
    for (const Step& step : spec.steps)
        sum += step.run;
    return sum;
}

std::unique_ptr<Policy> random_policy(Random& random, std::size_t cpus) {
    const std::size_t capacity = random.chance(20) ? random.between(0, 3) : 4096;
    if (random.chance(30))
        return std::make_unique<FifoPolicy>(random.up_to(millis(10)), capacity);
    DeadlineParams params;
    params.nr_cpus = static_cast<std::uint32_t>(cpus);
    return std::make_unique<DeadlinePolicy>(params, capacity);
}

// One random run with mishaps.
class Run {
  public:
    explicit Run(std::uint64_t seed)
        : random_(seed), cpus_(random_.between(1, 4)), kernel_(machine()),
          policy_(random_policy(random_, cpus_)) {
        kernel_.on_start = [this](const Start& start) {
            const CpuSet& allowed = living_.at(start.pid.value).allowed;
            EXPECT_TRUE(allowed.test(static_cast<std::size_t>(start.cpu.value)))
                << "affinity of " << start.pid.value;
            EXPECT_GT(start.slice, Nanos{});
        };
    }

    [[nodiscard]] const FakeKernel& kernel() const { return kernel_; }
    [[nodiscard]] const LoopCounters& counters() const { return counters_; }

    void go() {
        const std::size_t tasks = random_.between(1, 24);
        for (std::size_t i = 0; i < tasks; ++i)
            spawn(Pid{});
        for (int i = 0; i < 30 && !::testing::Test::HasFailure(); ++i) {
            step();
            mishap();
            check_balance();
        }
        finish();
    }

  private:
    MachineParams machine() {
        MachineParams params;
        params.cpus = cpus_;
        params.cpus_per_llc = random_.between(1, 4);
        if (random_.chance(30))
            params.ring_capacity = random_.between(1, 8);
        return params;
    }

    void spawn(Pid reuse) {
        TaskSpec spec = random_task(random_, cpus_, random_.chance(60));
        const Pid pid = reuse.value != 0 ? reuse : Pid{++last_pid_};
        removed_.erase(pid.value);
        living_[pid.value] = spec; // known before its first start
        kernel_.spawn_as(pid, std::move(spec));
    }

    void step() {
        const Nanos until = kernel_.now() + random_.up_to(millis(30));
        if (random_.chance(5)) // user space hangs
            kernel_.advance_to(until + random_.up_to(millis(60)));
        else
            simulate(kernel_, loop_, until,
                     random_.chance(30) ? random_.up_to(millis(2)) : Nanos{});
    }

    Pid anyone() { return Pid{static_cast<std::int32_t>(random_.between(1, pids()))}; }
    [[nodiscard]] std::size_t pids() const { return static_cast<std::size_t>(last_pid_); }

    void mishap() {
        const Pid pid = anyone();
        if (!kernel_.alive(pid)) {
            check_dead(pid);
            if (random_.chance(50))
                spawn(pid);
            return;
        }
        switch (random_.below(6)) {
        case 0:
            remove(pid);
            if (random_.chance(50)) // at once, while a decision may be under way
                spawn(pid);
            break;
        case 1:
            living_.at(pid.value).allowed.reset().set(random_.below(cpus_));
            kernel_.set_affinity(pid, living_.at(pid.value).allowed);
            break;
        case 2:
            kernel_.requeue(pid);
            break;
        case 3:
            kernel_.delay_enqueue(pid, static_cast<int>(random_.between(1, 12)));
            break;
        case 4:
            for (std::size_t i = random_.between(1, 12); i > 0; --i)
                spawn(Pid{});
            break;
        default:
            break;
        }
    }

    void remove(Pid pid) {
        removed_[pid.value] = true;
        kernel_.remove(pid);
    }

    // A task that was not taken away has done all its work, exactly once.
    void check_dead(Pid pid) {
        if (removed_.count(pid.value) == 0) {
            EXPECT_EQ(kernel_.stats(pid).cpu_time.value, total(living_.at(pid.value)).value)
                << "task " << pid.value;
        }
    }

    void check_balance() {
        const FakeCounters& c = kernel_.counters();
        EXPECT_EQ(c.queued, c.decided + c.fallback + c.dequeued + kernel_.pending());
        EXPECT_EQ(c.decided, counters_.moved.get());
        EXPECT_EQ(c.stale, counters_.stale.get());
        EXPECT_EQ(c.retried, counters_.retried.get());
        EXPECT_EQ(c.queued, counters_.received.get() + kernel_.records());
    }

    // Takes the endless ones away and lets the others run to their end.
    void finish() {
        for (std::int32_t pid = 1; pid <= last_pid_; ++pid) {
            const TaskSpec& spec = living_.at(pid);
            const bool endless = spec.repeat || total(spec) >= kForever;
            if (kernel_.alive(Pid{pid}) && endless)
                remove(Pid{pid});
        }
        for (int i = 0; i < 1000 && kernel_.next_event(); ++i)
            simulate(kernel_, loop_, kernel_.now() + millis(100));
        simulate(kernel_, loop_, kernel_.now());
        EXPECT_FALSE(kernel_.next_event()) << "a task does not come to its end";
        EXPECT_EQ(kernel_.pending() + kernel_.waiting() + kernel_.records(), 0U);
        EXPECT_EQ(policy_->waiting(), 0U);
        EXPECT_EQ(auditor_.open(), 0U) << "read and never answered";
        check_balance();
        for (std::int32_t pid = 1; pid <= last_pid_; ++pid) {
            EXPECT_FALSE(kernel_.alive(Pid{pid}));
            check_dead(Pid{pid});
        }
    }

    Random random_;
    std::size_t cpus_;
    FakeKernel kernel_;
    Auditor auditor_{kernel_};
    std::unique_ptr<Policy> policy_;
    LoopCounters counters_;
    DispatchLoop loop_{auditor_, *policy_, counters_, millis(5)};
    std::unordered_map<std::int32_t, TaskSpec> living_; // by PID, the last one that had it
    std::unordered_map<std::int32_t, bool> removed_;
    std::int32_t last_pid_ = 0;
};

void run_seeds(std::uint64_t first) {
    FakeCounters met;
    LoopCounters said;
    for (std::uint64_t seed = first; seed < first + 750 / kRunsShare; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed);
        const auto run = std::make_unique<Run>(seed);
        run->go();
        if (::testing::Test::HasFailure())
            return;
        const FakeCounters& c = run->kernel().counters();
        met.fallback += c.fallback;
        met.dequeued += c.dequeued;
        met.congested += c.congested;
        met.unasked += c.unasked;
        met.resumed += c.resumed;
        met.preempted += c.preempted;
        said.stale.add(run->counters().stale.get());
        said.given_up.add(run->counters().given_up.get());
        said.no_room.add(run->counters().no_room.get());
    }
    // The mishaps did happen.
    for (const std::uint64_t times :
         {met.fallback, met.dequeued, met.congested, met.unasked, met.resumed, met.preempted,
          said.stale.get(), said.given_up.get(), said.no_room.get()})
        EXPECT_GT(times, 20U);
}

} // namespace

// In parts, since the test runner takes test cases in parallel.
TEST(SchedulerProperties, NoTaskIsLostOrRunTwiceUnderMishaps1) { run_seeds(0); }
TEST(SchedulerProperties, NoTaskIsLostOrRunTwiceUnderMishaps2) { run_seeds(1000); }
TEST(SchedulerProperties, NoTaskIsLostOrRunTwiceUnderMishaps3) { run_seeds(2000); }
TEST(SchedulerProperties, NoTaskIsLostOrRunTwiceUnderMishaps4) { run_seeds(3000); }

TEST(SchedulerProperties, ThousandsAtOnceAllRunOverACongestedRing) {
    for (const std::size_t ring : {std::size_t{64}, std::size_t{8192}}) {
        DeadlineParams params;
        params.nr_cpus = 4;
        Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 4, .ring_capacity = ring}, params,
                                       std::size_t{2000});
        for (int i = 0; i < 4; ++i)
            sim.kernel.spawn(hog());
        std::vector<Pid> pids;
        pids.reserve(6000);
        for (int i = 0; i < 6000; ++i)
            pids.push_back(
                sim.kernel.spawn({.steps = {{micros(40), millis(1)}, {micros(40), {}}}}));
        const bool congested = sim.kernel.counters().congested > 0;
        EXPECT_EQ(congested, ring < 6000);
        sim.run_for(seconds(3));
        EXPECT_EQ(sim.kernel.counters().exited, 6000U);
        for (const Pid pid : pids)
            ASSERT_EQ(sim.kernel.stats(pid).cpu_time, micros(80));
        const FakeCounters& c = sim.kernel.counters();
        EXPECT_EQ(c.queued, c.decided + c.fallback + c.dequeued + sim.kernel.pending());
    }
}

TEST(SchedulerProperties, TheSameSeedGivesTheSameRun) {
    const auto trace = [] {
        Random random(42);
        Simulation<DeadlinePolicy> sim(MachineParams{.cpus = 3}, DeadlineParams{},
                                       std::size_t{4096});
        std::vector<std::pair<std::int64_t, std::int32_t>> starts;
        sim.kernel.on_start = [&](const Start& start) {
            starts.emplace_back(start.at.value, start.pid.value);
        };
        for (int i = 0; i < 20; ++i)
            sim.kernel.spawn(random_task(random, 3, false));
        sim.run_for(seconds(1));
        return starts;
    };
    const auto first = trace();
    EXPECT_GT(first.size(), 100U);
    EXPECT_EQ(first, trace());
}
