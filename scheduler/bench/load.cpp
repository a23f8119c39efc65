// SPDX-License-Identifier: GPL-2.0-only
#include "bench/load.hpp"

#include "bench/clocks.hpp"
#include "bench/job.hpp"
#include "bench/work.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rustland::bench {
namespace {

struct LoadRun {
    const LoadCounters& counters;
    std::uint64_t seed;
    std::uint64_t iterations_per_ms;
};

[[noreturn]] void run_hog(const LoadRun& run, LoadCounter& counter) {
    const std::uint64_t step = std::max<std::uint64_t>(run.iterations_per_ms / 4, 1);
    std::uint64_t state = 1;
    for (;;) {
        state = spin(state, step);
        counter.iterations.fetch_add(step, std::memory_order_relaxed);
    }
}

[[noreturn]] void run_sleeper(const LoadRun& run, LoadCounter& counter, unsigned index) {
    std::uint64_t state = 1;
    for (std::uint64_t step = 0;; ++step) {
        const SleeperStep plan = plan_sleeper(run.seed, index, step, run.iterations_per_ms);
        sleep_for(plan.sleep);
        state = spin(state, plan.iterations);
        counter.iterations.fetch_add(plan.iterations, std::memory_order_relaxed);
    }
}

// Reports the error of a fork. True: there is none.
bool started(const Result<pid_t>& pid) {
    if (!pid)
        fmt::print(stderr, "rustland-bench: load: {}\n", pid.error().message());
    return pid.ok();
}

// make -jN: keeps every slot busy with a job, and starts the next one as soon as one is done.
class Make {
  public:
    Make(const LoadRun& run, unsigned slots) : run_(run), running_(slots, 0) {}

    // Returns only when no job can be started.
    int run() {
        for (std::size_t slot = 0; slot < running_.size(); ++slot)
            if (!start_next(slot))
                return 1;
        for (;;) {
            int status = 0;
            const pid_t pid = ::waitpid(-1, &status, 0);
            if (pid < 0 && errno == EINTR)
                continue;
            if (pid < 0) {
                fmt::print(stderr, "rustland-bench: make: wait: {}\n", std::strerror(errno));
                return 1;
            }
            const auto slot = std::find(running_.begin(), running_.end(), pid);
            if (slot == running_.end())
                continue; // a hog or a sleeper
            const auto index = static_cast<std::size_t>(slot - running_.begin());
            LoadCounter& counter = run_.counters.slots()[index];
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                counter.jobs.fetch_add(1, std::memory_order_relaxed);
            else
                counter.failed_jobs.fetch_add(1, std::memory_order_relaxed);
            if (!start_next(index))
                return 1;
        }
    }

  private:
    bool start_next(std::size_t slot) {
        // What make itself does for a target: rules, dependencies, time stamps.
        const std::uint64_t own = run_.iterations_per_ms / 5;
        state_ = spin(state_, own);
        const JobPlan plan = plan_job(run_.seed, next_job_++, run_.iterations_per_ms);
        LoadCounter& counter = run_.counters.slots()[slot];
        counter.iterations.fetch_add(own, std::memory_order_relaxed);
        const auto pid =
            fork_member("bench-cc", [&] { return run_job(plan, counter, run_.iterations_per_ms); });
        if (!started(pid))
            return false;
        running_[slot] = *pid;
        return true;
    }

    const LoadRun& run_;
    std::vector<pid_t> running_;
    std::uint64_t next_job_ = 0;
    std::uint64_t state_ = 1;
};

int run_load(const LoadShape& shape, const LoadRun& run) {
    const auto counters = run.counters.slots();
    std::size_t slot = shape.build_slots;
    for (unsigned i = 0; i < shape.hogs; ++i, ++slot)
        if (!started(fork_member("bench-hog", [&]() -> int { run_hog(run, counters[slot]); })))
            return 1;
    for (unsigned i = 0; i < shape.sleepers; ++i, ++slot)
        if (!started(fork_member("bench-sleeper",
                                 [&]() -> int { run_sleeper(run, counters[slot], i); })))
            return 1;
    if (shape.build_slots > 0)
        return Make(run, shape.build_slots).run();
    for (;;)
        ::pause();
}

} // namespace

Result<ProcessGroup> start_load(const Scenario& scenario, const LoadCounters& counters,
                                std::uint64_t seed, std::uint64_t iterations_per_ms) {
    const LoadShape shape = shape_of(scenario);
    const LoadRun run{counters, seed, iterations_per_ms};
    return ProcessGroup::start("bench-make", [&] { return run_load(shape, run); });
}

} // namespace rustland::bench
