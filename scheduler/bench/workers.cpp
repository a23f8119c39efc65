// SPDX-License-Identifier: GPL-2.0-only
#include "bench/workers.hpp"

#include "bench/process.hpp"

#include <algorithm>

namespace rustland::bench {
namespace {

std::uint64_t sum_of(const std::vector<Tally>& tallies) {
    std::uint64_t sum = 0;
    for (const Tally& tally : tallies)
        sum += tally.done();
    return sum;
}

} // namespace

WorkerPool::WorkerPool(const GameSpec& game) : tallies_(game.workers), shared_(game.jobs > 1) {
    threads_.reserve(game.workers);
    for (std::size_t i = 0; i < game.workers; ++i)
        threads_.emplace_back([this, i] { serve(i); });
}

WorkerPool::~WorkerPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_)
        thread.join();
}

void WorkerPool::run_wave(std::span<const std::uint64_t> jobs) {
    std::unique_lock lock(mutex_);
    jobs_ = jobs;
    next_job_ = 0;
    unfinished_ = jobs.size();
    ++wave_;
    work_.notify_all();
    done_.wait(lock, [this] { return unfinished_ == 0; });
}

std::uint64_t WorkerPool::iterations() const { return sum_of(tallies_); }

void WorkerPool::serve(std::size_t index) {
    set_comm("bench-worker");
    std::uint64_t last_wave = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        work_.wait(lock, [&] { return stopping_ || wave_ != last_wave; });
        if (stopping_)
            return;
        last_wave = wave_;
        std::size_t job = shared_ ? next_job_++ : index;
        while (job < jobs_.size()) {
            const std::uint64_t work = jobs_[job];
            lock.unlock();
            tallies_[index].work(work);
            lock.lock();
            if (--unfinished_ == 0)
                done_.notify_one();
            job = shared_ ? next_job_++ : jobs_.size();
        }
    }
}

LoadingThreads::LoadingThreads(unsigned threads, std::uint64_t iterations_each,
                               std::uint64_t iterations_per_ms)
    : tallies_(threads), unfinished_(threads) {
    threads_.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this, i, iterations_each, iterations_per_ms] {
            set_comm("bench-loader");
            for (std::uint64_t left = iterations_each; left > 0;) {
                const std::uint64_t step = std::min(left, iterations_per_ms);
                tallies_[i].work(step);
                left -= step;
            }
            unfinished_.fetch_sub(1);
        });
    }
}

LoadingThreads::~LoadingThreads() {
    for (auto& thread : threads_)
        thread.join();
}

std::uint64_t LoadingThreads::iterations() const { return sum_of(tallies_); }

} // namespace rustland::bench
