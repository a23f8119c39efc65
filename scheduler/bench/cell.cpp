// SPDX-License-Identifier: GPL-2.0-only
#include "bench/cell.hpp"

#include "bench/cell_parameters.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <system_error>

namespace rustland::bench {
namespace {

constexpr auto kGameFamilies =
    std::to_array({GameFamily::Light, GameFamily::Heavy, GameFamily::Jobs, GameFamily::Single,
                   GameFamily::Fast, GameFamily::Loading});
constexpr auto kGameNames =
    std::to_array<std::string_view>({"light", "heavy", "jobs", "single", "fast", "loading"});

constexpr auto kLoadFamilies = std::to_array(
    {LoadFamily::Compile, LoadFamily::Naps, LoadFamily::Storm, LoadFamily::Hog, LoadFamily::NapHog,
     LoadFamily::Pipe, LoadFamily::Io, LoadFamily::Mixed, LoadFamily::Shader, LoadFamily::Encoder});
constexpr auto kLoadNames =
    std::to_array<std::string_view>({"none", "compile", "naps", "storm", "hog", "naphog", "pipe",
                                     "io", "mixed", "shader", "encoder"});

constexpr auto kSetups =
    std::to_array({Setup::OneSession, Setup::Sessions, Setup::AppSlice, Setup::Cgroups});
constexpr auto kSetupNames =
    std::to_array<std::string_view>({"one-session", "sessions", "app-slice", "cgroups"});

// The value whose name this is, of an enumeration whose values count from 0 as the names do.
template <typename Enum, std::size_t N>
const Enum* find_name(const std::array<std::string_view, N>& names, std::string_view text,
                      Enum& value) {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end())
        return nullptr;
    value = static_cast<Enum>(found - names.begin());
    return &value;
}

template <std::size_t N> std::string all_of(const std::array<std::string_view, N>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
}

Result<unsigned> parse_slots(std::string_view text) {
    unsigned slots = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(text.data(), end, slots);
    if (ec != std::errc{} || stop != end || slots == 0 || slots > kMaxSlots)
        return Error(fmt::format("'{}' is not a number of slots from 1 to {}", text, kMaxSlots));
    return slots;
}

// "light,main=2": what comes before the first comma, and the rest.
std::pair<std::string_view, std::string_view> split_at(std::string_view text, char at) {
    const auto place = text.find(at);
    if (place == std::string_view::npos)
        return {text, {}};
    return {text.substr(0, place), text.substr(place + 1)};
}

Result<GameSpec> parse_game(std::string_view text) {
    const auto [name, parameters] = split_at(text, ',');
    GameFamily family{};
    if (find_name(kGameNames, name, family) == nullptr)
        return Error(fmt::format("unknown game '{}': use one of {}", name, all_of(kGameNames)));
    GameSpec game = default_game(family);
    if (auto status = read_parameters(parameters, game_parameters(), game); !status)
        return status.error();
    if (auto status = check_game(game); !status)
        return status.error();
    return game;
}

Result<LoadSpec> parse_load_spec(std::string_view text) {
    const auto [head, parameters] = split_at(text, ',');
    const auto [name, digits] = split_at(head, ':');
    LoadFamily family{};
    if (find_name(kLoadNames, name, family) == nullptr)
        return Error(fmt::format("unknown load '{}': use one of {}", name, all_of(kLoadNames)));
    if (family == LoadFamily::None) {
        if (head != name || !parameters.empty())
            return Error(fmt::format("'{}': the load none takes nothing", text));
        return LoadSpec{};
    }
    if (head == name)
        return Error(fmt::format("'{}': write how many, such as {}:8", text, name));
    const auto slots = parse_slots(digits);
    if (!slots)
        return slots.error();
    LoadSpec load = default_load(family, *slots);
    if (auto status = read_parameters(parameters, load_parameters(), load); !status)
        return status.error();
    if (load.min_us > load.max_us)
        return Error(fmt::format("'{}': min is above max", text));
    return load;
}

} // namespace

std::span<const GameFamily> game_families() { return kGameFamilies; }
std::span<const LoadFamily> load_families() { return kLoadFamilies; }
std::span<const Setup> setups() { return kSetups; }

std::string_view to_string(GameFamily family) {
    return kGameNames.at(static_cast<std::size_t>(family));
}
std::string_view to_string(LoadFamily family) {
    return kLoadNames.at(static_cast<std::size_t>(family));
}
std::string_view to_string(Setup setup) { return kSetupNames.at(static_cast<std::size_t>(setup)); }

Result<Setup> parse_setup(std::string_view text) {
    Setup setup{};
    if (find_name(kSetupNames, text, setup) == nullptr)
        return Error(fmt::format("unknown setup '{}': use one of {}", text, all_of(kSetupNames)));
    return setup;
}

GameSpec default_game(GameFamily family) {
    GameSpec game{.family = family,
                  .main_us = 5800,
                  .workers = 2,
                  .worker_us = 1000,
                  .waves = 1,
                  .jobs = 1,
                  .audio_us = 250,
                  .compositor_us = 500,
                  .sound_us = 100};
    switch (family) {
    case GameFamily::Heavy:
        break;
    case GameFamily::Light:
        game.main_us = 2000;
        game.worker_us = 500;
        break;
    case GameFamily::Jobs:
        game.main_us = 2500;
        game.workers = 8;
        game.worker_us = 2000;
        game.waves = 2;
        game.jobs = 2;
        break;
    case GameFamily::Single:
        game.main_us = 8000;
        game.workers = game.worker_us = game.waves = game.jobs = 0;
        break;
    case GameFamily::Fast:
        game.hz = 144;
        game.main_us = 2000;
        game.worker_us = 800;
        break;
    case GameFamily::Loading:
        game.main_us = 3000;
        game.play_ms = 1200;
        game.loading_us = 300'000;
        break;
    }
    return game;
}

LoadSpec default_load(LoadFamily family, unsigned slots) {
    LoadSpec load{.family = family, .slots = slots};
    switch (family) {
    case LoadFamily::None:
        return {};
    case LoadFamily::Compile:
    case LoadFamily::Mixed:
        load.min_us = 10'000;
        load.max_us = 75'000;
        load.burst_us = 8000;
        load.nap_us = 200;
        break;
    case LoadFamily::Naps:
        load.min_us = 10'000;
        load.max_us = 75'000;
        load.burst_us = 1000;
        load.nap_us = 50;
        break;
    case LoadFamily::Storm:
        load.min_us = 500;
        load.max_us = 1500;
        break;
    case LoadFamily::Hog:
        break;
    case LoadFamily::NapHog:
        load.burst_us = 5000;
        load.nap_us = 500;
        break;
    case LoadFamily::Pipe:
        load.work_us = 100;
        break;
    case LoadFamily::Io:
        load.work_us = 300;
        load.wait_us = 1000;
        break;
    case LoadFamily::Shader:
        load.min_us = 5000;
        load.max_us = 100'000;
        break;
    case LoadFamily::Encoder:
        load.work_us = 3000;
        break;
    }
    return load;
}

std::string_view undefined_because(LoadFamily load, Setup setup) {
    if (load == LoadFamily::Shader && setup != Setup::OneSession)
        return "the shader compiler is a part of the game's process, which cannot be split";
    return {};
}

std::string to_string(const GameSpec& game) {
    return std::string(to_string(game.family)) + write_parameters(game_parameters(), game);
}

std::string to_string(const LoadSpec& load) {
    if (load.family == LoadFamily::None)
        return "none";
    return fmt::format("{}:{}", to_string(load.family), load.slots) +
           write_parameters(load_parameters(), load);
}

std::string to_string(const Cell& cell) {
    return fmt::format("{}/{}@{}", to_string(cell.game), to_string(cell.load),
                       to_string(cell.setup));
}

std::string short_name(const Cell& cell) {
    const std::string slots =
        cell.load.family == LoadFamily::None ? "" : fmt::format(":{}", cell.load.slots);
    return fmt::format("{}/{}{}@{}", to_string(cell.game.family), to_string(cell.load.family),
                       slots, to_string(cell.setup));
}

std::string table_name(const Cell& cell) {
    const bool plain = cell.game == default_game(cell.game.family) &&
                       cell.load == default_load(cell.load.family, cell.load.slots);
    return plain ? short_name(cell) : to_string(cell);
}

Result<Cell> parse_cell(std::string_view text) {
    const auto bad = [text](const Error& error) {
        return error.with(fmt::format("cell '{}'", text));
    };
    const auto [pair, setup_name] = split_at(text, '@');
    const auto [game_text, load_text] = split_at(pair, '/');
    if (game_text.size() == pair.size())
        return bad(Error("write GAME/LOAD:SLOTS, such as heavy/compile:8"));
    const auto game = parse_game(game_text);
    if (!game)
        return bad(game.error());
    const auto load = parse_load_spec(load_text);
    if (!load)
        return bad(load.error());
    Cell cell{*game, *load, Setup::OneSession};
    if (pair.size() != text.size()) {
        const auto setup = parse_setup(setup_name);
        if (!setup)
            return bad(setup.error());
        cell.setup = *setup;
    }
    if (const auto why = undefined_because(cell.load.family, cell.setup); !why.empty())
        return bad(Error(std::string(why)));
    return cell;
}

unsigned counters_of(const LoadSpec& load) { return load.slots + load.sleepers; }

} // namespace rustland::bench
