// SPDX-License-Identifier: GPL-2.0-only
#include "bench/game_record.hpp"

#include "bench/game.hpp"

#include <algorithm>
#include <new>

namespace rustland::bench {
namespace {

// Without vsync a fast machine shows many frames a second; beyond this they are counted as dropped.
constexpr std::int64_t kMaxFramesPerSecond = 4000;

// Where the arrays start behind the header.
constexpr std::size_t kHeaderBytes = 4096;

} // namespace

Result<GameRecord> GameRecord::create(const GameConfig& config) {
    static_assert(sizeof(Header) <= kHeaderBytes);
    const std::int64_t whole =
        (config.warmup + config.duration + kGameGrace).value / 1'000'000'000 + 1;
    const std::int64_t per_second = config.vsync ? config.game.hz : kMaxFramesPerSecond;
    const auto max_frames = static_cast<std::size_t>(whole * per_second);
    const auto max_periods = static_cast<std::size_t>(whole * kAudioRateHz / kAudioSamples + 1);
    auto mapping =
        Mapping::anonymous(kHeaderBytes + (max_frames + max_periods) * sizeof(std::int64_t));
    if (!mapping)
        return mapping.error();
    new (mapping->data()) Header;
    return GameRecord(*std::move(mapping), max_frames, max_periods);
}

std::int64_t* GameRecord::frames() const {
    return reinterpret_cast<std::int64_t*>(static_cast<char*>(mapping_.data()) + kHeaderBytes);
}

void GameRecord::touch() {
    // The mapping is populated, but this process has no page table entries for it yet.
    std::fill_n(frames(), max_frames_ + max_periods_, std::int64_t{0});
}

void GameRecord::add_frame(Nanos time) {
    Header& h = header();
    if (h.frames < max_frames_)
        frames()[h.frames++] = time.value;
    else
        ++h.dropped_frames;
}

void GameRecord::add_audio_period(std::int64_t period, Nanos lateness) {
    Header& h = header();
    const auto index = static_cast<std::uint64_t>(period);
    if (index >= max_periods_) {
        ++h.dropped_periods;
        return;
    }
    periods()[index] = lateness.value;
    h.periods = index + 1;
}

std::span<const std::int64_t> GameRecord::frame_times() const {
    return {frames(), header().frames};
}

std::span<const std::int64_t> GameRecord::audio_lateness() const {
    const Window& w = window();
    const AudioClock clock(w.origin);
    std::int64_t first = 0;
    const auto recorded = static_cast<std::int64_t>(header().periods);
    while (first < recorded && clock.start(first) < w.start)
        ++first;
    std::int64_t last = first;
    while (last < recorded && clock.start(last) < w.end)
        ++last;
    return {periods() + first, static_cast<std::size_t>(last - first)};
}

} // namespace rustland::bench
