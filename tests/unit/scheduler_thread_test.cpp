// SPDX-License-Identifier: GPL-2.0-only
// The scheduling thread with a kernel that is none: wakes, decides, sleeps, stops, and does not
// hang the one who stops it.
#include "rustland/kernel/allocation_sink.hpp"
#include "rustland/kernel/scheduler_thread.hpp"
#include "rustland/policy/fifo_policy.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <mutex>
#include <sched.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

using namespace rustland;

namespace {

// Tasks go in from the test, decisions come out on the scheduling thread.
class QueueKernel final : public Kernel {
  public:
    QueueKernel() : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

    void add(std::uint64_t seq) {
        {
            const std::lock_guard guard(mutex_);
            QueuedTask task;
            task.seq = seq;
            tasks_.push_back(task);
        }
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(ready_.get(), &one, sizeof(one)), sizeof(one));
    }
    std::size_t receive(std::span<QueuedTask> out) override {
        std::uint64_t count = 0;
        const std::lock_guard guard(mutex_);
        static_cast<void>(!::read(ready_.get(), &count, sizeof(count)));
        const std::size_t n = std::min(out.size(), tasks_.size());
        std::copy_n(tasks_.begin(), n, out.begin());
        tasks_.erase(tasks_.begin(), tasks_.begin() + static_cast<std::ptrdiff_t>(n));
        ++receives;
        return n;
    }
    void commit(std::span<const Decision> decisions, std::span<CommitResult> results) override {
        policy_of_caller = ::sched_getscheduler(0);
        for (std::size_t i = 0; i < decisions.size(); ++i) {
            results[i] = refusals > 0 ? CommitResult::Retry : CommitResult::Moved;
            refusals -= refusals > 0 ? 1 : 0;
        }
        ++commits;
    }
    [[nodiscard]] int fd() const { return ready_.get(); }

    std::atomic<int> receives{0};
    std::atomic<int> commits{0};
    std::atomic<int> refusals{0};
    std::atomic<int> policy_of_caller{-1};

  private:
    UniqueFd ready_;
    std::mutex mutex_;
    std::vector<QueuedTask> tasks_;
};

// Spins in its first decision until it is let go.
class RunawayPolicy final : public Policy {
  public:
    [[nodiscard]] const char* name() const override { return "runaway"; }
    bool enqueue(const QueuedTask&, Nanos) override {
        running = true;
        while (!let_go) {
        }
        return true;
    }
    std::optional<Decision> pick(Nanos) override { return std::nullopt; }
    [[nodiscard]] std::size_t waiting() const override { return 0; }

    std::atomic<bool> running{false};
    std::atomic<bool> let_go{false};
};

// Waits for an event that must come.
template <typename Condition> testing::AssertionResult comes(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until)
            return testing::AssertionFailure() << "did not come within 20 s";
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return testing::AssertionSuccess();
}

ThreadSettings ordinary() {
    ThreadSettings settings;
    settings.realtime = false;
    return settings;
}

class SchedulerThreadTest : public testing::Test {
  protected:
    std::unique_ptr<SchedulerThread> start(Policy& policy, const ThreadSettings& settings) {
        auto thread = SchedulerThread::start(kernel, kernel.fd(), policy, settings);
        if (!thread) {
            reason = thread.error().message();
            return nullptr;
        }
        return *std::move(thread);
    }
    QueueKernel kernel;
    FifoPolicy fifo{millis(5), 1000};
    std::string reason;
};

} // namespace

TEST_F(SchedulerThreadTest, DecidesWhatComesAndSleepsOtherwise) {
    const auto thread = start(fifo, ordinary());
    ASSERT_TRUE(thread) << reason;
    for (std::uint64_t seq = 1; seq <= 100; ++seq)
        kernel.add(seq);
    EXPECT_TRUE(comes([&] { return thread->loop_counters().moved.get() == 100; }));
    // It sleeps: the number of its looks at the ring stops growing.
    int before = -1;
    EXPECT_TRUE(comes([&] { return std::exchange(before, kernel.receives.load()) == before; }));
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
    EXPECT_EQ(thread->loop_counters().received.get(), 100U);
}

TEST_F(SchedulerThreadTest, SaysDecisionsAgainAfterAPause) {
    kernel.refusals = 5;
    const auto thread = start(fifo, ordinary());
    ASSERT_TRUE(thread) << reason;
    kernel.add(1);
    EXPECT_TRUE(comes([&] { return thread->loop_counters().moved.get() == 1; }));
    EXPECT_EQ(thread->loop_counters().retried.get(), 5U);
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
}

TEST_F(SchedulerThreadTest, PausesWhenTheBudgetIsUsedUp) {
    ThreadSettings settings = ordinary();
    settings.budget_work = micros(1);
    settings.budget_pause = micros(1);
    const auto thread = start(fifo, settings);
    ASSERT_TRUE(thread) << reason;
    for (std::uint64_t seq = 1; seq <= 1000; ++seq)
        kernel.add(seq);
    EXPECT_TRUE(comes([&] { return thread->loop_counters().moved.get() == 1000; }));
    EXPECT_GT(thread->loop_counters().budget_sleeps.get(), 0U);
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
}

TEST_F(SchedulerThreadTest, ThereIsOnlyOneInAProcess) {
    const auto thread = start(fifo, ordinary());
    ASSERT_TRUE(thread) << reason;
    EXPECT_FALSE(start(fifo, ordinary()));
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
}

TEST_F(SchedulerThreadTest, AStuckPolicyDoesNotHoldUpTheOneThatJoins) {
    RunawayPolicy policy;
    const auto thread = start(policy, ordinary());
    ASSERT_TRUE(thread) << reason;
    kernel.add(1);
    ASSERT_TRUE(comes([&] { return policy.running.load(); }));
    thread->request_stop();
    EXPECT_FALSE(thread->join_for(millis(10)));
    policy.let_go = true;
    EXPECT_TRUE(thread->join_for(seconds(20)));
}

TEST_F(SchedulerThreadTest, HasRealTimePriorityUntilThePolicyRunsAway) {
    RunawayPolicy policy;
    ThreadSettings settings;
    settings.realtime = true;
    settings.runaway_after = millis(50);
    const auto thread = start(policy, settings);
    if (!thread)
        GTEST_SKIP() << reason;
    EXPECT_TRUE(thread->realtime());
    EXPECT_EQ(::sched_getscheduler(thread->tid().value), SCHED_FIFO);
    kernel.add(1);
    EXPECT_TRUE(comes([&] { return thread->counters().demotions.get() == 1; }));
    EXPECT_TRUE(comes([&] { return ::sched_getscheduler(thread->tid().value) == SCHED_OTHER; }));
    EXPECT_FALSE(thread->realtime());
    std::uint64_t told = 0;
    EXPECT_TRUE(
        comes([&] { return ::read(thread->demoted_fd(), &told, sizeof(told)) == sizeof(told); }));
    policy.let_go = true;
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
}

TEST_F(SchedulerThreadTest, TheNormalClassIsKeptWhereAskedFor) {
    const auto thread = start(fifo, ordinary());
    ASSERT_TRUE(thread) << reason;
    EXPECT_FALSE(thread->realtime());
    kernel.add(1);
    EXPECT_TRUE(comes([&] { return kernel.commits > 0; }));
    EXPECT_EQ(kernel.policy_of_caller, SCHED_OTHER);
    EXPECT_GE(thread->cpu_time().value, 0);
    thread->request_stop();
    EXPECT_TRUE(thread->join_for(seconds(20)));
}
