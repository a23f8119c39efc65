// SPDX-License-Identifier: GPL-2.0-only
#include "bench/game.hpp"

#include "bench/clocks.hpp"
#include "bench/work.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <sys/resource.h>
#include <system_error>
#include <thread>

namespace rustland::bench {
namespace {

// Iterations of one thread; a cache line each.
struct alignas(64) Tally {
    std::atomic<std::uint64_t> iterations{0};
    std::uint64_t state = 1;

    void work(std::uint64_t count) {
        state = spin(state, count);
        iterations.fetch_add(count, std::memory_order_relaxed);
    }
};

// The workers of the frame. The main thread hands out the parts of a frame and waits until the
// last one is done, as the job systems of game engines do.
class WorkerPool {
  public:
    WorkerPool() {
        for (std::size_t i = 0; i < kWorkers; ++i)
            threads_[i] = std::thread([this, i] { serve(i); });
    }
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    WorkerPool(WorkerPool&&) = delete;
    WorkerPool& operator=(WorkerPool&&) = delete;
    ~WorkerPool() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        work_.notify_all();
        for (auto& thread : threads_)
            if (thread.joinable())
                thread.join();
    }

    void run_frame(const FramePlan& plan) {
        std::unique_lock lock(mutex_);
        plan_ = plan.workers;
        unfinished_ = kWorkers;
        ++frame_;
        work_.notify_all();
        done_.wait(lock, [this] { return unfinished_ == 0; });
    }

    [[nodiscard]] std::uint64_t iterations() const {
        std::uint64_t sum = 0;
        for (const auto& tally : tallies_)
            sum += tally.iterations.load(std::memory_order_relaxed);
        return sum;
    }

  private:
    void serve(std::size_t index) {
        set_comm("bench-worker");
        std::uint64_t last_frame = 0;
        for (;;) {
            std::uint64_t work = 0;
            {
                std::unique_lock lock(mutex_);
                work_.wait(lock, [&] { return stopping_ || frame_ != last_frame; });
                if (stopping_)
                    return;
                last_frame = frame_;
                work = plan_[index];
            }
            tallies_[index].work(work);
            const std::lock_guard lock(mutex_);
            if (--unfinished_ == 0)
                done_.notify_one();
        }
    }

    std::array<Tally, kWorkers> tallies_{}; // first, as they are aligned to cache lines
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable done_;
    std::array<std::uint64_t, kWorkers> plan_{};
    std::uint64_t frame_ = 0;
    std::size_t unfinished_ = 0;
    bool stopping_ = false;
    std::array<std::thread, kWorkers> threads_{};
};

class AudioThread {
  public:
    AudioThread(const GameConfig& config, Nanos origin, GameRecord& record)
        : clock_(origin), record_(record),
          work_(iterations_for(kAudioMicros, config.iterations_per_ms)),
          thread_([this] { serve(); }) {}
    AudioThread(const AudioThread&) = delete;
    AudioThread& operator=(const AudioThread&) = delete;
    AudioThread(AudioThread&&) = delete;
    AudioThread& operator=(AudioThread&&) = delete;
    ~AudioThread() { finish(Nanos{}); }

    // Returns when all periods that start before `end` are recorded.
    void finish(Nanos end) {
        stop_at_.store(end.value);
        if (thread_.joinable())
            thread_.join();
    }
    [[nodiscard]] std::uint64_t iterations() const {
        return tally_.iterations.load(std::memory_order_relaxed);
    }

  private:
    void serve() {
        set_comm("bench-audio");
        for (std::int64_t period = 0; clock_.start(period).value < stop_at_.load(); ++period) {
            sleep_until(clock_.start(period));
            for (Nanos now = monotonic_now(); clock_.end(period) <= now; ++period)
                record_.add_audio_period(period, now - clock_.end(period));
            tally_.work(work_);
            const Nanos over = monotonic_now() - clock_.end(period);
            record_.add_audio_period(period, over.value > 0 ? over : Nanos{});
        }
    }

    Tally tally_; // first, as it is aligned to cache lines
    AudioClock clock_;
    GameRecord& record_;
    std::uint64_t work_;
    std::atomic<std::int64_t> stop_at_{INT64_MAX};
    std::thread thread_; // last: it uses all of the above
};

class Game {
  public:
    // The vsync grid and the audio periods start at `origin`.
    Game(const GameConfig& config, const LoadCounters& counters, GameRecord& record, Nanos origin)
        : audio_(config, origin, record), config_(config), counters_(counters), record_(record),
          origin_(origin), grid_(origin) {}

    void run() {
        GameRecord::Window& window = record_.window();
        window.origin = origin_;
        Nanos shown = origin_;
        bool measuring = false;
        for (std::uint64_t frame = 0;; ++frame) {
            const Nanos next = play_frame(frame);
            if (measuring)
                record_.add_frame(next - shown);
            shown = next;
            if (!measuring && shown >= origin_ + config_.warmup) {
                measuring = true;
                window.start = shown;
                window.before = snapshot();
            } else if (measuring && shown >= window.start + config_.duration) {
                window.end = shown;
                window.after = snapshot();
                break;
            }
            if (config_.vsync)
                sleep_until(shown);
        }
        audio_.finish(window.end);
        window.complete = true;
    }

  private:
    // Returns when the frame is shown.
    Nanos play_frame(std::uint64_t frame) {
        const FramePlan plan = plan_frame(config_.seed, frame, config_.iterations_per_ms);
        main_.work(plan.logic);
        workers_.run_frame(plan);
        main_.work(plan.submit);
        const Nanos done = monotonic_now();
        return config_.vsync ? grid_.at_or_after(done) : done;
    }

    GameSnapshot snapshot() {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        GameSnapshot s;
        s.at = monotonic_now();
        s.load = counters_.totals();
        s.game_iterations = main_.iterations.load(std::memory_order_relaxed) +
                            workers_.iterations() + audio_.iterations();
        s.voluntary_switches = usage.ru_nvcsw;
        s.involuntary_switches = usage.ru_nivcsw;
        return s;
    }

    Tally main_; // these three first, as they are aligned to cache lines
    AudioThread audio_;
    WorkerPool workers_;
    const GameConfig& config_;
    const LoadCounters& counters_;
    GameRecord& record_;
    Nanos origin_;
    VsyncGrid grid_;
};

} // namespace

Result<ProcessGroup> start_game(const GameConfig& config, const LoadCounters& counters,
                                GameRecord& record) {
    return ProcessGroup::start("bench-game", [&] {
        try {
            record.touch();
            Game(config, counters, record, monotonic_now()).run();
        } catch (const std::system_error& e) {
            fmt::print(stderr, "rustland-bench: game: cannot start a thread: {}\n", e.what());
            return 1;
        }
        return 0;
    });
}

} // namespace rustland::bench
