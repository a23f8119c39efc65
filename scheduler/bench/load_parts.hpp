// SPDX-License-Identifier: GPL-2.0-only
// What the loads are made of.
#pragma once

#include "bench/process.hpp"
#include "bench/shared.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace rustland::bench {

struct LoadRun {
    const LoadCounters& counters;
    std::uint64_t seed;
    std::uint64_t iterations_per_ms;
};

// Computes and counts, in steps of a quarter of a millisecond, so that the counters are right to
// that when somebody looks.
class Worker {
  public:
    Worker(LoadCounter& counter, std::uint64_t iterations_per_ms)
        : counter_(counter),
          step_(iterations_per_ms / 4 > 0 ? iterations_per_ms / 4 : std::uint64_t{1}) {}

    void run(std::uint64_t iterations);

  private:
    LoadCounter& counter_;
    std::uint64_t step_;
    std::uint64_t state_ = 1;
};

// Never sleeps.
[[noreturn]] void run_hog(const LoadRun& run, LoadCounter& counter);
// Sleeps for milliseconds and computes for a fraction of one, in turn.
[[noreturn]] void run_sleeper(const LoadRun& run, LoadCounter& counter, unsigned index);

// Reports the error of a fork. True: there is none.
bool started(const Result<pid_t>& pid);

// Keeps slots busy with processes, as make -jN does: when one has ended the next one is started.
class BusySlots {
  public:
    // Runs in the new process; what it returns is the exit status, and 0 counts as a job done.
    using Job = std::function<int(std::size_t slot, std::uint64_t number)>;
    // `comm` names the processes; `first` is the counter of the first slot; `before` is done by the
    // parent for each job, with the slot's counter.
    BusySlots(const LoadRun& run, const char* comm, std::size_t first, std::size_t slots, Job job,
              std::function<void(LoadCounter&)> before = nullptr)
        : run_(run), comm_(comm), first_(first), job_(std::move(job)), before_(std::move(before)),
          running_(slots, 0) {}

    // Returns only when no job can be started, with the exit status.
    int run();

  private:
    bool start_next(std::size_t slot);

    const LoadRun& run_;
    const char* comm_;
    std::size_t first_;
    Job job_;
    std::function<void(LoadCounter&)> before_;
    std::vector<pid_t> running_;
    std::uint64_t next_job_ = 0;
};

} // namespace rustland::bench
