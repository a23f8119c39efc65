// SPDX-License-Identifier: GPL-2.0-only
#include "bench/cell_parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <system_error>

namespace rustland::bench {
namespace {

constexpr unsigned kSecond = 1'000'000;

bool always(const GameSpec& game) { return game.hz != 0; }
bool loads(const GameSpec& game) { return game.family == GameFamily::Loading; }
bool has_workers(const GameSpec& game) { return game.family != GameFamily::Single; }

constexpr auto kGameParameters = std::to_array<Parameter<GameSpec>>({
    {"hz", &GameSpec::hz, Unit::Count, 24, 360, always},
    {"main", &GameSpec::main_us, Unit::MillisOfMicros, 100, 40'000, always},
    {"workers", &GameSpec::workers, Unit::Count, 0, kMaxGameWorkers, has_workers},
    {"worker", &GameSpec::worker_us, Unit::MillisOfMicros, 0, 40'000, has_workers},
    {"waves", &GameSpec::waves, Unit::Count, 0, kMaxWaves, has_workers},
    {"jobs", &GameSpec::jobs, Unit::Count, 0, kMaxJobsPerWorker, has_workers},
    {"audio", &GameSpec::audio_us, Unit::MillisOfMicros, 0, 4000, always},
    {"compositor", &GameSpec::compositor_us, Unit::MillisOfMicros, 0, 10'000, always},
    {"sound", &GameSpec::sound_us, Unit::MillisOfMicros, 0, 2000, always},
    {"play", &GameSpec::play_ms, Unit::Count, 100, 60'000, loads},
    {"loading", &GameSpec::loading_us, Unit::MillisOfMicros, 1000, 10 * kSecond, loads},
});

template <LoadFamily... Families> bool one_of(const LoadSpec& load) {
    return ((load.family == Families) || ...);
}
constexpr auto has_jobs = one_of<LoadFamily::Compile, LoadFamily::Naps, LoadFamily::Storm,
                                 LoadFamily::Mixed, LoadFamily::Shader>;
constexpr auto has_naps =
    one_of<LoadFamily::Compile, LoadFamily::Naps, LoadFamily::NapHog, LoadFamily::Mixed>;
constexpr auto has_work = one_of<LoadFamily::Pipe, LoadFamily::Io, LoadFamily::Encoder>;

constexpr auto kLoadParameters = std::to_array<Parameter<LoadSpec>>({
    {"min", &LoadSpec::min_us, Unit::MillisOfMicros, 100, 10 * kSecond, has_jobs},
    {"max", &LoadSpec::max_us, Unit::MillisOfMicros, 100, 10 * kSecond, has_jobs},
    {"burst", &LoadSpec::burst_us, Unit::MillisOfMicros, 50, kSecond, has_naps},
    {"nap", &LoadSpec::nap_us, Unit::MillisOfMicros, 0, kSecond, has_naps},
    {"work", &LoadSpec::work_us, Unit::MillisOfMicros, 10, kSecond, has_work},
    {"wait", &LoadSpec::wait_us, Unit::MillisOfMicros, 10, kSecond, one_of<LoadFamily::Io>},
    {"sleepers", &LoadSpec::sleepers, Unit::Count, 0, 64, one_of<LoadFamily::Mixed>},
});

// 5800 is "5.8", 200 is "0.2", 12000 is "12".
std::string millis_text(unsigned micros) {
    std::string text = fmt::format("{}.{:03}", micros / 1000, micros % 1000);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
        text.pop_back();
    return text;
}

std::optional<unsigned> whole(std::string_view digits) {
    unsigned value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, ec] = std::from_chars(digits.data(), end, value);
    if (ec != std::errc{} || stop != end)
        return std::nullopt;
    return value;
}

// Exactly, without a detour through binary fractions: at most three decimals.
std::optional<unsigned> micros_of(std::string_view text) {
    const auto point = text.find('.');
    const auto before = whole(text.substr(0, point));
    if (!before || *before > 1000 * kSecond / 1000)
        return std::nullopt;
    if (point == std::string_view::npos)
        return *before * 1000;
    std::string decimals(text.substr(point + 1));
    if (decimals.empty() || decimals.size() > 3)
        return std::nullopt;
    decimals.resize(3, '0');
    const auto after = whole(decimals);
    if (!after)
        return std::nullopt;
    return *before * 1000 + *after;
}

std::string value_text(Unit unit, unsigned value) {
    return unit == Unit::Count ? std::to_string(value) : millis_text(value);
}

template <typename Spec>
std::string known_keys(std::span<const Parameter<Spec>> table, const Spec& spec) {
    std::string keys;
    for (const auto& parameter : table)
        if (parameter.used(spec))
            keys += fmt::format("{}{}", keys.empty() ? "" : ", ", parameter.key);
    return keys.empty() ? "none" : keys;
}

template <typename Spec>
Status read_parameter(std::string_view word, std::span<const Parameter<Spec>> table, Spec& spec) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const auto found = std::find_if(table.begin(), table.end(), [&](const auto& parameter) {
        return parameter.key == key && parameter.used(spec);
    });
    if (equals == std::string_view::npos || found == table.end())
        return Error(fmt::format("'{}' is no parameter of {}, which has: {}", word,
                                 to_string(spec.family), known_keys(table, spec)));
    const auto text = word.substr(equals + 1);
    const auto value = found->unit == Unit::Count ? whole(text) : micros_of(text);
    if (!value || *value < found->low || *value > found->high)
        return Error(fmt::format("'{}': {} is a number from {} to {}{}", word, key,
                                 value_text(found->unit, found->low),
                                 value_text(found->unit, found->high),
                                 found->unit == Unit::Count ? "" : " (ms, at most 3 decimals)"));
    spec.*(found->member) = *value;
    return {};
}

} // namespace

std::span<const Parameter<GameSpec>> game_parameters() { return kGameParameters; }
std::span<const Parameter<LoadSpec>> load_parameters() { return kLoadParameters; }

Status check_game(const GameSpec& game) {
    const bool any = game.workers > 0;
    if (any != (game.waves > 0) || any != (game.jobs > 0))
        return Error(
            fmt::format("workers={}, waves={}, jobs={}: with workers, waves and jobs are at "
                        "least 1, and all three are 0 without",
                        game.workers, game.waves, game.jobs));
    return {};
}

template <typename Spec>
std::string write_parameters(std::span<const Parameter<Spec>> table, const Spec& spec) {
    std::string text;
    for (const auto& parameter : table)
        if (parameter.used(spec))
            text += fmt::format(",{}={}", parameter.key,
                                value_text(parameter.unit, spec.*(parameter.member)));
    return text;
}

template <typename Spec>
Status read_parameters(std::string_view text, std::span<const Parameter<Spec>> table, Spec& spec) {
    while (!text.empty()) {
        const auto comma = text.find(',');
        if (auto status = read_parameter(text.substr(0, comma), table, spec); !status)
            return status;
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return {};
}

template std::string write_parameters(std::span<const Parameter<GameSpec>>, const GameSpec&);
template std::string write_parameters(std::span<const Parameter<LoadSpec>>, const LoadSpec&);
template Status read_parameters(std::string_view, std::span<const Parameter<GameSpec>>, GameSpec&);
template Status read_parameters(std::string_view, std::span<const Parameter<LoadSpec>>, LoadSpec&);

} // namespace rustland::bench
