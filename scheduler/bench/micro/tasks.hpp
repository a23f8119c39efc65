// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/policy/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rustland::micro {

// Tasks of all sorts, as the kernel side tells of them: a third computes, the others sleep after
// bursts of different lengths.
class Tasks {
  public:
    explicit Tasks(std::size_t count) : tasks_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            tasks_[i].pid = tasks_[i].tgid = Pid{static_cast<std::int32_t>(i + 1)};
            tasks_[i].weight = i % 16 == 0 ? 300 : 100;
            tasks_[i].nr_waiting = static_cast<std::uint32_t>(count);
        }
    }

    // The task's next enqueue.
    const QueuedTask& next(std::size_t index, Nanos now) {
        QueuedTask& task = tasks_[index];
        ++task.seq;
        task.enqueued_at = now;
        // Fibonacci hashing: scattered, and the same in each run.
        const auto spread = ((index + task.seq) * 0x9E3779B97F4A7C15U) >> 44U;
        const Nanos burst = micros(50 + static_cast<std::int64_t>(spread % 16384));
        task.sum_exec += burst;
        task.wakeup = index % 3 != 0;
        task.burst_exec = task.wakeup ? Nanos{} : task.burst_exec + burst;
        task.sleeps += task.wakeup ? 1 : 0;
        task.last_sleep = millis(5);
        return task;
    }

    void decided(const Decision& decision) {
        tasks_[static_cast<std::size_t>(decision.pid.value - 1)].state = decision.state;
    }
    [[nodiscard]] static std::size_t index_of(const Decision& decision) {
        return static_cast<std::size_t>(decision.pid.value - 1);
    }

  private:
    std::vector<QueuedTask> tasks_;
};

} // namespace rustland::micro
