// SPDX-License-Identifier: GPL-2.0-only
#include "bench/load_parts.hpp"

#include "bench/clocks.hpp"
#include "bench/model.hpp"
#include "bench/work.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <sys/wait.h>

namespace rustland::bench {

void Worker::run(std::uint64_t iterations) {
    while (iterations > 0) {
        const std::uint64_t now = std::min(iterations, step_);
        state_ = spin(state_, now);
        counter_.iterations.fetch_add(now, std::memory_order_relaxed);
        iterations -= now;
    }
}

void run_hog(const LoadRun& run, LoadCounter& counter) {
    Worker worker(counter, run.iterations_per_ms);
    for (;;)
        worker.run(run.iterations_per_ms);
}

void run_sleeper(const LoadRun& run, LoadCounter& counter, unsigned index) {
    std::uint64_t state = 1;
    for (std::uint64_t step = 0;; ++step) {
        const SleeperStep plan = plan_sleeper(run.seed, index, step, run.iterations_per_ms);
        sleep_for(plan.sleep);
        state = spin(state, plan.iterations);
        counter.iterations.fetch_add(plan.iterations, std::memory_order_relaxed);
    }
}

bool started(const Result<pid_t>& pid) {
    if (!pid)
        fmt::print(stderr, "rustland-bench: load: {}\n", pid.error().message());
    return pid.ok();
}

int BusySlots::run() {
    for (std::size_t slot = 0; slot < running_.size(); ++slot)
        if (!start_next(slot))
            return 1;
    for (;;) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, 0);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0) {
            fmt::print(stderr, "rustland-bench: load: wait: {}\n", std::strerror(errno));
            return 1;
        }
        const auto found = std::find(running_.begin(), running_.end(), pid);
        if (found == running_.end())
            continue; // a hog or a sleeper
        const auto slot = static_cast<std::size_t>(found - running_.begin());
        LoadCounter& counter = run_.counters.slots()[first_ + slot];
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            counter.jobs.fetch_add(1, std::memory_order_relaxed);
        else
            counter.failed_jobs.fetch_add(1, std::memory_order_relaxed);
        if (!start_next(slot))
            return 1;
    }
}

bool BusySlots::start_next(std::size_t slot) {
    if (before_)
        before_(run_.counters.slots()[first_ + slot]);
    const std::uint64_t number = next_job_++;
    const auto pid = fork_member(comm_, [&] { return job_(slot, number); });
    if (!started(pid))
        return false;
    running_[slot] = *pid;
    return true;
}

} // namespace rustland::bench
