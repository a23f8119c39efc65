// SPDX-License-Identifier: GPL-2.0-only
#include "bench/game.hpp"

#include "bench/audio.hpp"
#include "bench/clocks.hpp"
#include "bench/frame_plan.hpp"
#include "bench/shader.hpp"
#include "bench/workers.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <sys/resource.h>
#include <system_error>

namespace rustland::bench {
namespace {

// What a picture of a loading screen costs: a bar that grows.
constexpr unsigned kLoadingFrameMicros = 300;

class Game {
  public:
    // The vsync grid and the audio periods start at `origin`.
    Game(const GameConfig& config, const LoadCounters& counters, GameRecord& record,
         const DesktopLinks& desktop, Nanos origin)
        : audio_(config, origin, record, desktop), workers_(config.game),
          shader_(config, counters, record), config_(config), counters_(counters), record_(record),
          desktop_(desktop), origin_(origin), grid_(origin, config.game.hz) {}

    void run() {
        GameRecord::Window& window = record_.window();
        Nanos shown = origin_;
        Nanos loading = origin_ + play_time();
        bool measuring = false;
        for (std::uint64_t frame = 0;; ++frame) {
            if (config_.game.play_ms > 0 && shown >= loading) {
                shown = show_loading_screen();
                loading = shown + play_time();
            }
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
            wait_for_screen(shown);
        }
        audio_.finish(window.end);
        window.complete = true;
    }

  private:
    [[nodiscard]] Nanos play_time() const { return millis(config_.game.play_ms); }

    // Hands the picture over; returns when it is on the screen, which may be a time to come.
    [[nodiscard]] Nanos present() const {
        if (config_.compositor)
            return desktop_.show_frame();
        const Nanos done = monotonic_now();
        return config_.vsync ? grid_.at_or_after(done) : done;
    }

    void wait_for_screen(Nanos shown) const {
        if (config_.vsync)
            sleep_until(shown);
    }

    Nanos play_frame(std::uint64_t frame) {
        const FramePlan plan =
            plan_frame(config_.game, config_.seed, frame, config_.iterations_per_ms);
        main_.work(plan.main[0]);
        for (unsigned wave = 0; wave < plan.waves; ++wave) {
            workers_.run_wave({plan.jobs[wave].data(), plan.jobs_per_wave});
            main_.work(plan.main[wave + 1]);
        }
        return present();
    }

    // Its threads use all CPUs; its pictures count for nothing. Returns when the last one of them
    // is on the screen.
    Nanos show_loading_screen() {
        LoadingThreads threads(config_.cpus,
                               iterations_for(config_.game.loading_us, config_.iterations_per_ms),
                               config_.iterations_per_ms);
        Nanos shown{};
        do {
            main_.work(iterations_for(kLoadingFrameMicros, config_.iterations_per_ms));
            shown = present();
            wait_for_screen(shown);
        } while (!threads.done());
        loaded_ += threads.iterations();
        return shown;
    }

    GameSnapshot snapshot() {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        GameSnapshot s;
        s.at = monotonic_now();
        s.load = counters_.totals();
        s.game_iterations = main_.done() + workers_.iterations() + audio_.iterations() + loaded_ +
                            record_.desktop_iterations();
        s.voluntary_switches = usage.ru_nvcsw;
        s.involuntary_switches = usage.ru_nivcsw;
        return s;
    }

    Tally main_; // these two first, as they are aligned to cache lines
    AudioThread audio_;
    WorkerPool workers_;
    ShaderThreads shader_;
    const GameConfig& config_;
    const LoadCounters& counters_;
    GameRecord& record_;
    const DesktopLinks& desktop_;
    Nanos origin_;
    VsyncGrid grid_;
    std::uint64_t loaded_ = 0;
};

} // namespace

Result<ProcessGroup> start_game(const GameConfig& config, const LoadCounters& counters,
                                GameRecord& record, const DesktopLinks& desktop,
                                const Placement& place) {
    const auto body = [&] {
        try {
            record.touch();
            // The desktop reads it as soon as the audio thread, which the game starts, speaks.
            const Nanos origin = monotonic_now();
            record.window().origin = origin;
            Game(config, counters, record, desktop, origin).run();
        } catch (const std::system_error& e) {
            fmt::print(stderr, "rustland-bench: game: cannot start a thread: {}\n", e.what());
            return 1;
        }
        return 0;
    };
    return ProcessGroup::start("bench-game", body, place);
}

} // namespace rustland::bench
