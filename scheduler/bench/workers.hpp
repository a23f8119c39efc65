// SPDX-License-Identifier: GPL-2.0-only
// The threads of the game that compute for its main thread.
#pragma once

#include "bench/cell.hpp"
#include "bench/work.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace rustland::bench {

// Iterations of one thread; a cache line each.
struct alignas(64) Tally {
    std::atomic<std::uint64_t> iterations{0};
    std::uint64_t state = 1;

    void work(std::uint64_t count) {
        state = spin(state, count);
        iterations.fetch_add(count, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t done() const { return iterations.load(std::memory_order_relaxed); }
};

// The workers of the frame. The main thread hands out a wave of jobs and waits until the last one
// is done, as the job systems of game engines do. One job for each worker is that worker's own
// part; of more, each takes the next one that nobody has begun.
class WorkerPool {
  public:
    explicit WorkerPool(const GameSpec& game);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    WorkerPool(WorkerPool&&) = delete;
    WorkerPool& operator=(WorkerPool&&) = delete;
    ~WorkerPool();

    // By the main thread alone; returns when all jobs are done.
    void run_wave(std::span<const std::uint64_t> jobs);
    [[nodiscard]] std::uint64_t iterations() const;

  private:
    void serve(std::size_t index);

    std::vector<Tally> tallies_;
    bool shared_;
    std::mutex mutex_; // guards all below
    std::condition_variable work_;
    std::condition_variable done_;
    std::span<const std::uint64_t> jobs_;
    std::size_t next_job_ = 0;
    std::uint64_t wave_ = 0;
    std::size_t unfinished_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_; // last: they use all of the above
};

// The threads of one loading screen: each does its part and ends.
class LoadingThreads {
  public:
    LoadingThreads(unsigned threads, std::uint64_t iterations_each,
                   std::uint64_t iterations_per_ms);
    LoadingThreads(const LoadingThreads&) = delete;
    LoadingThreads& operator=(const LoadingThreads&) = delete;
    LoadingThreads(LoadingThreads&&) = delete;
    LoadingThreads& operator=(LoadingThreads&&) = delete;
    ~LoadingThreads(); // waits for the threads

    [[nodiscard]] bool done() const { return unfinished_.load() == 0; }
    [[nodiscard]] std::uint64_t iterations() const;

  private:
    std::vector<Tally> tallies_;
    std::atomic<unsigned> unfinished_;
    std::vector<std::thread> threads_;
};

} // namespace rustland::bench
