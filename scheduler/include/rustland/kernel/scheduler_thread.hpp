// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"
#include "rustland/core/budget.hpp"
#include "rustland/core/counters.hpp"
#include "rustland/core/dispatch_loop.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <pthread.h>
#include <semaphore>

namespace rustland {

struct ThreadSettings {
    // SCHED_FIFO, priority 1. Otherwise a task of our own class, which the BPF side puts before
    // all others.
    bool realtime = false;
    Nanos slice = millis(5); // for tasks that the policy has no room for
    std::size_t stack_bytes = std::size_t{256} * 1024;
    // Work in a row, and the rest that it must be followed by.
    Nanos budget_work = millis(20);
    Nanos budget_pause = millis(1);
    // After so much real-time work without a single wait, the policy has run away: the thread loses
    // its real-time priority for good.
    Nanos runaway_after = millis(500);
    Nanos retry_pause = micros(100);
    // How often attention_fd() becomes readable while there is work.
    Nanos attention_interval = seconds(2);
};

// What other threads may read of the scheduling thread at any time, without a lock.
struct ThreadCounters {
    Counter allocations; // allocator calls since the thread started to wait for tasks
    Counter demotions;   // times that it lost its real-time priority
    std::atomic<std::uint64_t> policy_waiting{0}; // tasks that the policy holds
    std::atomic<std::int64_t> longest_round{0};   // of the dispatch loop, ns
};

// The thread on which the policy runs: it waits for tasks, sends them through the dispatch loop,
// and sleeps. It takes no lock, allocates nothing and logs nothing.
//
// start(), request_stop() and join_for() belong to the main thread. Kernel, policy and the dispatch
// loop belong to the scheduling thread from start() until join_for() has returned true; the
// counters may be read by any thread. One at a time in a process, since the signal that takes the
// real-time priority away is the process's. Signals other than that one never reach the thread.
class SchedulerThread {
  public:
    // `queued_fd` becomes readable when the kernel has tasks to receive.
    static Result<std::unique_ptr<SchedulerThread>>
    start(Kernel& kernel, int queued_fd, Policy& policy, const ThreadSettings& settings);
    SchedulerThread(const SchedulerThread&) = delete;
    SchedulerThread& operator=(const SchedulerThread&) = delete;
    // The thread must have been joined, unless the process is about to end.
    ~SchedulerThread();

    void request_stop();
    // Waits for the thread to end. False if it does not: then the policy hangs, and what it uses
    // must not be freed.
    [[nodiscard]] bool join_for(Nanos timeout);

    [[nodiscard]] Pid tid() const { return tid_; }
    [[nodiscard]] Nanos cpu_time() const;
    // Becomes readable when the thread has lost its real-time priority.
    [[nodiscard]] int demoted_fd() const { return demoted_fd_.get(); }
    // Becomes readable (an eventfd) when another thread should look at the counters: now and then
    // while there is work, never on an idle machine, and at the policy's first exception.
    [[nodiscard]] int attention_fd() const { return attention_fd_.get(); }
    [[nodiscard]] bool realtime() const {
        return settings_.realtime && counters_.demotions.get() == 0;
    }
    [[nodiscard]] const LoopCounters& loop_counters() const { return loop_counters_; }
    [[nodiscard]] const ThreadCounters& counters() const { return counters_; }

  private:
    SchedulerThread(Kernel& kernel, Policy& policy, const ThreadSettings& settings);
    Status prepare(int queued_fd);
    Status launch();
    static void* entry(void* self);
    static void on_runaway(int signal);
    Status enter();
    void run();
    void work();
    void wait();
    void rest(Nanos time);
    void account(Nanos now);
    void call_for_attention(Nanos now);

    ThreadSettings settings_;
    LoopCounters loop_counters_;
    ThreadCounters counters_;
    DispatchLoop loop_;
    Budget budget_;
    Nanos busy_since_; // the time up to which the budget is accounted
    UniqueFd epoll_;
    UniqueFd stop_fd_;
    UniqueFd demoted_fd_;
    UniqueFd attention_fd_;
    Nanos called_at_;
    bool error_told_ = false;
    std::atomic<bool> stop_{false};
    pthread_t thread_{};
    bool launched_ = false;
    // Written by the thread before it says that it has started.
    Pid tid_;
    Status started_;
    std::binary_semaphore has_started_{0};
};

} // namespace rustland
