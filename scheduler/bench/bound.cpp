// SPDX-License-Identifier: GPL-2.0-only
#include "bench/bound.hpp"

#include "bench/model.hpp"

#include <algorithm>
#include <limits>

namespace rustland::bench {
namespace {

constexpr double kPeriodsPerSecond =
    static_cast<double>(kAudioRateHz) / static_cast<double>(kAudioSamples);
// A sleeper computes for 0.35 ms in the mean after 4.5 ms of sleep (plan_sleeper).
constexpr double kSleeperDemand = 0.35 / (0.35 + 4.5);

double of_second(unsigned micros, double times) { return micros * times / 1e6; }

double part(unsigned busy, unsigned idle) {
    return busy + idle == 0 ? 0 : static_cast<double>(busy) / (busy + idle);
}

double main_demand(const GameSpec& game) { return of_second(game.main_us, game.hz); }
double worker_demand(const GameSpec& game) { return of_second(game.worker_us, game.hz); }
double compositor_demand(const GameSpec& game) { return of_second(game.compositor_us, game.hz); }

std::vector<Claim> game_claims(const GameSpec& game) {
    return {{main_demand(game), 1},
            {worker_demand(game), game.workers},
            {of_second(game.audio_us, kPeriodsPerSecond), 1}};
}

std::vector<Claim> desktop_claims(const GameSpec& game) {
    return {{compositor_demand(game), 1}, {of_second(game.sound_us, kPeriodsPerSecond), 1}};
}

std::vector<Claim> load_claims(const LoadSpec& load) {
    const double napping = load.nap_us == 0 ? 1.0 : part(load.burst_us, load.nap_us);
    switch (load.family) {
    case LoadFamily::None:
        return {};
    case LoadFamily::Compile:
    case LoadFamily::Naps:
    case LoadFamily::NapHog:
        return {{napping, load.slots}};
    case LoadFamily::Storm:
    case LoadFamily::Hog:
    case LoadFamily::Shader:
    case LoadFamily::Encoder:
        return {{1.0, load.slots}};
    case LoadFamily::Pipe: // with room in the pipe both of a pair can run
        return {{1.0, 2 * load.slots}};
    case LoadFamily::Io:
        return {{part(load.work_us, load.wait_us), load.slots}};
    case LoadFamily::Mixed:
        return {{1.0, load.slots / 2},
                {napping, load.slots - load.slots / 2},
                {kSleeperDemand, load.sleepers}};
    }
    return {};
}

double total(const std::vector<Claim>& claims) {
    double sum = 0;
    for (const Claim& claim : claims)
        sum += claim.demand * claim.tasks;
    return sum;
}

std::vector<Claim> together(std::vector<Claim> a, const std::vector<Claim>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// What each task of group number `group` gets at most, when equal groups share the machine.
double share_in_group(const std::vector<std::vector<Claim>>& groups, std::size_t group,
                      double cpus) {
    std::vector<Claim> wanted;
    for (const auto& claims : groups)
        wanted.push_back({total(claims), 1});
    const double capacity = std::min(equal_share(wanted, cpus), wanted[group].demand);
    return equal_share(groups[group], capacity);
}

// The part of its rate that a thread with this demand can keep.
double kept(double demand, double share) { return demand <= share ? 1.0 : share / demand; }

} // namespace

double equal_share(const std::vector<Claim>& claims, double capacity) {
    std::vector<Claim> sorted = claims;
    std::sort(sorted.begin(), sorted.end(),
              [](const Claim& a, const Claim& b) { return a.demand < b.demand; });
    double left = capacity;
    unsigned tasks = 0;
    for (const Claim& claim : sorted)
        tasks += claim.tasks;
    for (const Claim& claim : sorted) {
        if (claim.tasks == 0)
            continue;
        // A little room for the rounding of sums: demands that just fit are met.
        if (claim.demand * tasks > left * (1 + 1e-9))
            return left / tasks;
        left -= claim.demand * claim.tasks;
        tasks -= claim.tasks;
    }
    return std::numeric_limits<double>::infinity();
}

double equal_share_fps(const Cell& cell, unsigned cpus) {
    const auto game = game_claims(cell.game);
    const auto load = load_claims(cell.load);
    const bool apart = cell.setup == Setup::Sessions || cell.setup == Setup::Cgroups;
    std::vector<std::vector<Claim>> groups{desktop_claims(cell.game)};
    if (apart) {
        groups.push_back(game);
        groups.push_back(load);
    } else {
        groups.push_back(together(game, load));
    }
    const double desktop_share = share_in_group(groups, 0, cpus);
    const double game_share = share_in_group(groups, 1, cpus);
    const double rate = std::min({kept(main_demand(cell.game), game_share),
                                  kept(worker_demand(cell.game), game_share),
                                  kept(compositor_demand(cell.game), desktop_share)});
    return cell.game.hz * rate;
}

} // namespace rustland::bench
