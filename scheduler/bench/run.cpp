// SPDX-License-Identifier: GPL-2.0-only
#include "bench/run.hpp"

#include "bench/clocks.hpp"
#include "bench/game.hpp"
#include "bench/load.hpp"
#include "bench/observer.hpp"
#include "bench/places.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace rustland::bench {
namespace {

Nanos from_seconds(double s) { return Nanos{std::llround(s * 1e9)}; }

Error interrupted(int signal) { return Error("interrupted", -signal); }

constexpr Nanos kHookDeadline = seconds(30);

// The user's own command, in a process group like the others, so that it cannot outlive us.
Status run_hook(const std::string& command, pid_t game, const SignalWatch& signals) {
    if (command.empty())
        return {};
    auto shell = ProcessGroup::start("sh", [&] {
        ::setenv("RUSTLAND_GAME_PID", std::to_string(game).c_str(), 1);
        ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
        return 127;
    });
    if (!shell)
        return shell.error();
    const Nanos deadline = monotonic_now() + kHookDeadline;
    int status = 0;
    while (!shell->has_exited(status)) {
        const int signal = signals.wait_until(deadline);
        if (signal == 0)
            return Error(fmt::format("--game-hook '{}' did not end within {:.0f} s", command,
                                     to_seconds(kHookDeadline)));
        if (signal != SIGCHLD)
            return interrupted(signal);
    }
    if (status != 0)
        return Error(fmt::format("--game-hook '{}' {}", command, describe_wait_status(status)));
    return {};
}

// All that runs; what was started last is destroyed first.
struct Started {
    std::optional<Places> places;
    DesktopLinks links;
    ProcessGroup desktop;
    bool has_desktop = false;
    ProcessGroup game;
    ProcessGroup load;
    Nanos at{}; // when the game began
};

// Waits until `deadline` or until the game has exited, whichever is first. True: it has exited,
// well. An early end of the load or of the desktop is an error.
Result<bool> wait_for_game(Started& all, const SignalWatch& signals, Nanos deadline) {
    for (;;) {
        int status = 0;
        if (all.load.has_exited(status))
            return Error("the load ended early: " + describe_wait_status(status));
        if (all.has_desktop && all.desktop.has_exited(status))
            return Error("the compositor ended early: " + describe_wait_status(status));
        if (all.game.has_exited(status)) {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return Error("the game " + describe_wait_status(status));
            return true;
        }
        const int signal = signals.wait_until(deadline);
        if (signal == 0)
            return false;
        if (signal != SIGCHLD)
            return interrupted(signal);
    }
}

LoadStats load_stats(const GameSnapshot& before, const GameSnapshot& after) {
    LoadStats s;
    s.seconds = to_seconds(after.at - before.at);
    s.jobs = after.load.jobs - before.load.jobs;
    s.failed_jobs = after.load.failed_jobs - before.load.failed_jobs;
    s.jobs_per_s = static_cast<double>(s.jobs) / s.seconds;
    s.load_per_s = static_cast<double>(after.load.iterations - before.load.iterations) / s.seconds;
    s.game_per_s = static_cast<double>(after.game_iterations - before.game_iterations) / s.seconds;
    s.total_per_s = s.load_per_s + s.game_per_s;
    return s;
}

SwitchStats switch_stats(const GameSnapshot& before, const GameSnapshot& after,
                         const Observation& first, const Observation& last) {
    const double window = to_seconds(after.at - before.at);
    const double observed = to_seconds(last.at - first.at);
    return {.game_voluntary_per_s =
                static_cast<double>(after.voluntary_switches - before.voluntary_switches) / window,
            .game_involuntary_per_s =
                static_cast<double>(after.involuntary_switches - before.involuntary_switches) /
                window,
            .system_per_s =
                static_cast<double>(last.context_switches - first.context_switches) / observed};
}

std::vector<double> to_milliseconds(std::span<const std::int64_t> times) {
    std::vector<double> ms;
    ms.reserve(times.size());
    for (const std::int64_t ns : times)
        ms.push_back(static_cast<double>(ns) / 1e6);
    return ms;
}

Status check_record(const GameRecord& record) {
    if (!record.window().complete)
        return Error("the game ended before its time");
    if (record.dropped() > 0)
        return Error(
            fmt::format("{} records found no room: measure for a shorter time", record.dropped()));
    if (const auto failed = record.window().after.load.failed_jobs; failed > 0)
        return Error(fmt::format("{} jobs of the load failed", failed));
    return {};
}

GameConfig game_config(const Scenario& scenario, const RunOptions& options) {
    return {.seed = options.seed,
            .iterations_per_ms = options.iterations_per_ms,
            .warmup = from_seconds(options.warmup_s),
            .duration = from_seconds(options.duration_s),
            .vsync = options.vsync,
            .game = game_of(scenario),
            .compositor = options.compositor,
            .cpus = std::max(1U, std::thread::hardware_concurrency()),
            // The game looks whether it is one of its own.
            .shader = scenario.cell ? scenario.cell->load : LoadSpec{}};
}

Result<Started> start_all(const Scenario& scenario, const RunOptions& options,
                          const GameConfig& config, const LoadCounters& counters,
                          GameRecord& record, const SignalWatch& signals) {
    Started all;
    Placement game_place;
    Placement load_place;
    Placement desktop_place{.own_session = true, .cgroup = {}};
    if (scenario.cell) {
        auto places = Places::create(scenario.cell->setup);
        if (!places)
            return places.error();
        all.places.emplace(*std::move(places));
        game_place = all.places->game();
        load_place = all.places->load();
        desktop_place = all.places->desktop();
    }
    const auto begin_load = [&]() -> Status {
        auto load =
            start_load(scenario, counters, options.seed, options.iterations_per_ms, load_place);
        if (!load)
            return load.error();
        all.load = *std::move(load);
        record.begin_load();
        return {};
    };
    auto links = DesktopLinks::create();
    if (!links)
        return links.error();
    all.links = *std::move(links);
    if (config.compositor) {
        auto desktop = start_desktop(config, all.links, record, desktop_place);
        if (!desktop)
            return desktop.error();
        all.desktop = *std::move(desktop);
        all.has_desktop = true;
    }
    // In a cell the game is there, and known to the scheduler, before the load begins. In the older
    // scenarios it comes into a load that runs, which their figures go on to mean.
    if (!scenario.cell)
        if (auto status = begin_load(); !status)
            return status.error();
    auto game = start_game(config, counters, record, all.links, game_place);
    if (!game)
        return game.error();
    all.game = *std::move(game);
    all.at = monotonic_now();
    if (options.foreground) {
        if (auto told = announce_foreground(options.scheduler_socket, all.game.pid()); !told)
            return told.error().with("--foreground");
    }
    if (auto status = run_hook(options.game_hook, all.game.pid(), signals); !status)
        return status.error();
    if (scenario.cell)
        if (auto status = begin_load(); !status)
            return status.error();
    return all;
}

} // namespace

Result<SignalWatch> SignalWatch::create() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD})
        ::sigaddset(&set, signal);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
        return Error::from_errno("sigprocmask");
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd)
        return Error::from_errno("signalfd");
    return SignalWatch(std::move(fd));
}

int SignalWatch::wait_until(Nanos deadline) const {
    for (;;) {
        const Nanos left = deadline - monotonic_now();
        const timespec timeout = to_timespec(left.value > 0 ? left : Nanos{});
        pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        const int ready = ::ppoll(&poll, 1, &timeout, nullptr);
        if (ready == 0)
            return 0;
        signalfd_siginfo info{};
        if (ready > 0 && ::read(fd_.get(), &info, sizeof(info)) == sizeof(info))
            return static_cast<int>(info.ssi_signo);
    }
}

Result<Run> run_scenario(const Scenario& scenario, const RunOptions& options,
                         const SignalWatch& signals) {
    const GameConfig config = game_config(scenario, options);
    auto counters = LoadCounters::create(counters_of(scenario));
    if (!counters)
        return counters.error();
    auto record = GameRecord::create(config);
    if (!record)
        return record.error();

    const Observer observer(options);
    auto fault = InjectedFault::prepare(scenario.fault, observer.process());
    if (!fault)
        return fault.error();
    auto started = start_all(scenario, options, config, *counters, *record, signals);
    if (!started)
        return started.error();

    const auto early = wait_for_game(*started, signals, started->at + config.warmup);
    if (!early)
        return early.error();
    const Observation before = observer.observe();
    const Nanos middle = started->at + config.warmup + config.duration / 2;
    if (scenario.fault != Fault::None) {
        if (const auto ended = wait_for_game(*started, signals, middle); !ended)
            return ended.error();
        if (auto status = fault->inject(); !status)
            return status.error();
    }
    const auto exited = wait_for_game(*started, signals,
                                      started->at + config.warmup + config.duration + kGameGrace);
    if (!exited)
        return exited.error();
    if (!*exited)
        return Error(fmt::format("the game did not come to its end within {:.0f} s after the "
                                 "measured time: it was not scheduled",
                                 to_seconds(kGameGrace)));
    const Observation after = observer.observe();
    started->load.kill_and_reap();
    if (auto status = check_record(*record); !status)
        return status.error();

    const auto& window = record->window();
    Run run;
    run.seed = options.seed;
    run.scenario = scenario;
    std::vector<double> frame_ms = to_milliseconds(record->frame_times());
    run.frames = frame_stats(frame_ms);
    run.audio = audio_stats(record->audio_lateness());
    run.load = load_stats(window.before, window.after);
    run.scheduler = observer.stats(before, after);
    run.switches = switch_stats(window.before, window.after, before, after);
    run.label = !options.label.empty()      ? options.label
                : run.scheduler.ops.empty() ? std::string("kernel")
                                            : run.scheduler.ops;
    if (options.keep_frames)
        run.frame_ms = std::move(frame_ms);
    return run;
}

} // namespace rustland::bench
