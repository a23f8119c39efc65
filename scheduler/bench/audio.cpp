// SPDX-License-Identifier: GPL-2.0-only
#include "bench/audio.hpp"

#include "bench/clocks.hpp"
#include "bench/process.hpp"

namespace rustland::bench {

AudioThread::AudioThread(const GameConfig& config, Nanos origin, GameRecord& record,
                         const DesktopLinks& desktop)
    : clock_(origin), record_(record), desktop_(desktop), sound_server_(config.compositor),
      work_(iterations_for(config.game.audio_us, config.iterations_per_ms)),
      thread_([this] { serve(); }) {}

void AudioThread::finish(Nanos end) {
    stop(end);
    if (sound_server_)
        desktop_.finish_sound();
}

void AudioThread::stop(Nanos end) {
    stop_at_.store(end.value);
    if (thread_.joinable())
        thread_.join();
}

void AudioThread::serve() {
    set_comm("bench-audio");
    for (std::int64_t period = 0; clock_.start(period).value < stop_at_.load(); ++period) {
        sleep_until(clock_.start(period));
        for (Nanos now = monotonic_now(); clock_.end(period) <= now; ++period)
            lose(period, now - clock_.end(period));
        mix(period);
    }
}

void AudioThread::lose(std::int64_t period, Nanos lateness) {
    if (sound_server_)
        desktop_.hand_over_lost_period(period, lateness);
    else
        record_.add_audio_period(period, lateness);
}

void AudioThread::mix(std::int64_t period) {
    tally_.work(work_);
    if (sound_server_) {
        desktop_.hand_over_period(period);
        return;
    }
    const Nanos over = monotonic_now() - clock_.end(period);
    record_.add_audio_period(period, over.value > 0 ? over : Nanos{});
}

} // namespace rustland::bench
