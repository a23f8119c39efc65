// SPDX-License-Identifier: GPL-2.0-only
#include "bench/model.hpp"

#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <system_error>

namespace rustland::bench {
namespace {

// Separate streams, so that a longer frame does not shift the jobs' durations.
constexpr std::uint64_t kJobStream = 2;
constexpr std::uint64_t kSleeperStream = 1000;

// Shares of a job's CPU time.
constexpr double kPreprocessShare = 0.08;
constexpr double kAssembleShare = 0.12;
constexpr double kSourceChunksPerMs = 0.1;
// First-touched memory goes with the work, not with the time: about 25 MB for a second of compiling
// at a million iterations per millisecond, and less on a machine that gets less done in it.
constexpr double kPagesPerIteration = 7e-6;

std::uint64_t iterations_for_ms(double ms, std::uint64_t iterations_per_ms) {
    return static_cast<std::uint64_t>(ms * static_cast<double>(iterations_per_ms));
}

} // namespace

std::string_view to_string(LoadKind kind) {
    switch (kind) {
    case LoadKind::None:
        return "none";
    case LoadKind::Build:
        return "build";
    case LoadKind::Hog:
        return "hog";
    case LoadKind::Mixed:
        return "mixed";
    }
    return "none";
}

std::string_view to_string(Fault fault) {
    switch (fault) {
    case Fault::None:
        return "none";
    case Fault::Stop:
        return "stop";
    case Fault::Kill:
        return "kill";
    }
    return "none";
}

std::string brief_name(const Scenario& scenario) {
    return scenario.cell ? short_name(*scenario.cell) : to_string(scenario);
}

std::string to_string(const Scenario& scenario) {
    if (scenario.cell)
        return table_name(*scenario.cell);
    std::string text = "alone";
    if (scenario.load != LoadKind::None)
        text = fmt::format("{} x{}", to_string(scenario.load), scenario.slots);
    if (scenario.fault != Fault::None)
        text += fmt::format(" {}", to_string(scenario.fault));
    return text;
}

Result<LoadKind> parse_load(std::string_view text) {
    for (const LoadKind kind : {LoadKind::None, LoadKind::Build, LoadKind::Hog, LoadKind::Mixed})
        if (text == to_string(kind))
            return kind;
    return Error(fmt::format("unknown load '{}': use build, hog, mixed or none", text));
}

Result<Fault> parse_fault(std::string_view text) {
    for (const Fault fault : {Fault::None, Fault::Stop, Fault::Kill})
        if (text == to_string(fault))
            return fault;
    return Error(fmt::format("unknown fault '{}': use stop or kill", text));
}

Result<Scenario> parse_scenario(std::string_view text) {
    const auto colon = text.find(':');
    const auto kind = parse_load(text.substr(0, colon));
    if (!kind)
        return kind.error();
    if (*kind == LoadKind::None) {
        if (colon != std::string_view::npos)
            return Error(fmt::format("scenario '{}': the load none takes no slots", text));
        return Scenario{};
    }
    Scenario scenario{.load = *kind};
    auto digits = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    if (const auto second = digits.find(':'); second != std::string_view::npos) {
        const auto fault = parse_fault(digits.substr(second + 1));
        if (!fault)
            return fault.error().with(fmt::format("scenario '{}'", text));
        scenario.fault = *fault;
        digits = digits.substr(0, second);
    }
    const char* end_of_digits = digits.data() + digits.size();
    const auto [end, ec] = std::from_chars(digits.data(), end_of_digits, scenario.slots);
    if (ec != std::errc{} || end != end_of_digits || scenario.slots == 0 ||
        scenario.slots > kMaxSlots)
        return Error(fmt::format("scenario '{}': write LOAD:SLOTS with 1 to {} slots, such as "
                                 "build:8",
                                 text, kMaxSlots));
    return scenario;
}

LoadShape shape_of(const Scenario& scenario) {
    switch (scenario.load) {
    case LoadKind::None:
        return {};
    case LoadKind::Build:
        return {.build_slots = scenario.slots};
    case LoadKind::Hog:
        return {.hogs = scenario.slots};
    case LoadKind::Mixed: {
        const unsigned hogs = scenario.slots / 2;
        return {.build_slots = scenario.slots - hogs,
                .hogs = hogs,
                .sleepers = scenario.slots / 8 + (scenario.slots % 8 != 0 ? 1U : 0U)};
    }
    }
    return {};
}

GameSpec model_game() {
    GameSpec game = default_game(GameFamily::Light);
    game.hz = kRefreshHz;
    game.main_us = kLogicMicros + kSubmitMicros; // divided 2 : 1 by plan_frame
    game.workers = kWorkers;
    game.worker_us = kWorkerMicros;
    game.audio_us = kAudioMicros;
    return game;
}

GameSpec game_of(const Scenario& scenario) {
    return scenario.cell ? scenario.cell->game : model_game();
}

std::uint64_t iterations_for(std::int64_t micros, std::uint64_t iterations_per_ms) {
    return static_cast<std::uint64_t>(micros) * iterations_per_ms / 1000;
}

JobPlan plan_job(std::uint64_t seed, std::uint64_t job, std::uint64_t iterations_per_ms) {
    Rng rng = rng_for(seed, kJobStream, job);
    const double ms = rng.log_uniform(kJobMinMs, kJobMaxMs);
    JobPlan plan;
    plan.preprocess = iterations_for_ms(ms * kPreprocessShare, iterations_per_ms);
    plan.assemble = iterations_for_ms(ms * kAssembleShare, iterations_per_ms);
    plan.compile = iterations_for_ms(ms, iterations_per_ms) - plan.preprocess - plan.assemble;
    plan.source_chunks = 1 + static_cast<unsigned>(ms * kSourceChunksPerMs);
    plan.memory_pages =
        1 + static_cast<unsigned>(kPagesPerIteration * static_cast<double>(plan.total()));
    plan.disk_waits = static_cast<unsigned>(rng.next() % 9);
    plan.disk_wait = micros(static_cast<std::int64_t>(rng.uniform(200.0, 2000.0)));
    return plan;
}

SleeperStep plan_sleeper(std::uint64_t seed, unsigned sleeper, std::uint64_t step,
                         std::uint64_t iterations_per_ms) {
    Rng rng = rng_for(seed, kSleeperStream + sleeper, step);
    return {.sleep = micros(static_cast<std::int64_t>(rng.uniform(1000.0, 8000.0))),
            .iterations = iterations_for_ms(rng.uniform(0.1, 0.6), iterations_per_ms)};
}

Nanos VsyncGrid::boundary(std::int64_t index) const {
    return origin_ + Nanos{index * 1'000'000'000 / hz_};
}

Nanos VsyncGrid::at_or_after(Nanos t) const {
    std::int64_t index = (t - origin_).value * hz_ / 1'000'000'000;
    while (boundary(index) < t)
        ++index;
    return boundary(index);
}

Nanos AudioClock::start(std::int64_t period) const {
    return origin_ + Nanos{period * kAudioSamples * 1'000'000'000 / kAudioRateHz};
}

} // namespace rustland::bench
