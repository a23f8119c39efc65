// SPDX-License-Identifier: GPL-2.0-only
#include "waits.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <vector>

namespace rustland {
namespace {

constexpr std::array kClasses{
    WaitClass{"foreground", RL_CLASS_FOREGROUND, "what the person at the machine waits for"},
    WaitClass{"normal", RL_CLASS_NORMAL, "all that is in no other class"},
    WaitClass{"background", RL_CLASS_BACKGROUND, "what is left over is enough for"},
};
static_assert(kClasses.size() == RL_CLASSES);

std::vector<std::int64_t> limits_us() {
    std::vector<std::int64_t> limits;
    for (std::size_t i = 0; i + 1 < RL_WAIT_BUCKETS; ++i)
        limits.push_back(wait_limit(i)->value / 1000);
    return limits;
}

} // namespace

std::uint64_t WaitHistogram::count() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::optional<std::size_t> WaitHistogram::quantile(double share) const {
    const auto all = static_cast<double>(count());
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        below += counts[i];
        if (counts[i] > 0 && static_cast<double>(below) >= share * all)
            return i;
    }
    return std::nullopt;
}

std::optional<Nanos> wait_limit(std::size_t bucket) {
    return bucket + 1 < RL_WAIT_BUCKETS ? std::optional(micros(std::int64_t{2} << bucket))
                                        : std::nullopt;
}

std::span<const WaitClass> wait_classes() { return kClasses; }

Waits waits_of(const rl_waits& counted) {
    Waits waits;
    for (std::size_t i = 0; i < waits.size(); ++i) {
        const rl_wait_histogram& from = counted.of[kClasses[i].task_class];
        std::copy(std::begin(from.count), std::end(from.count), waits[i].counts.begin());
        waits[i].sum.value = static_cast<std::int64_t>(from.sum_ns);
    }
    return waits;
}

Waits waits_between(const Waits& before, const Waits& now) {
    Waits grown = now;
    for (std::size_t i = 0; i < grown.size(); ++i) {
        for (std::size_t b = 0; b < RL_WAIT_BUCKETS; ++b)
            grown[i].counts[b] -= std::min(before[i].counts[b], now[i].counts[b]);
        grown[i].sum.value = std::max<std::int64_t>(now[i].sum.value - before[i].sum.value, 0);
    }
    return grown;
}

void update_json(nlohmann::json& json, const Waits& waits) {
    if (json.is_null())
        json["limits_us"] = limits_us();
    for (std::size_t i = 0; i < waits.size(); ++i) {
        nlohmann::json& of_class = json[kClasses[i].name];
        nlohmann::json& counts = of_class["counts"];
        for (std::size_t bucket = 0; bucket < RL_WAIT_BUCKETS; ++bucket)
            counts[bucket] = waits[i].counts[bucket];
        of_class["seconds"] = static_cast<double>(waits[i].sum.value) / 1e9;
    }
}

nlohmann::json to_json(const Waits& waits) {
    nlohmann::json json;
    update_json(json, waits);
    return json;
}

Result<std::optional<Waits>> waits_from_json(const nlohmann::json& json) {
    const Error wrong("the histograms of waits are not understood");
    try {
        if (json.at("limits_us") != nlohmann::json(limits_us()))
            return std::optional<Waits>();
        Waits waits;
        for (std::size_t i = 0; i < waits.size(); ++i) {
            const nlohmann::json& from = json.at(kClasses[i].name);
            const auto counts = from.at("counts").get<std::vector<std::uint64_t>>();
            if (counts.size() != RL_WAIT_BUCKETS)
                return wrong;
            std::copy(counts.begin(), counts.end(), waits[i].counts.begin());
            waits[i].sum.value = std::llround(from.at("seconds").get<double>() * 1e9);
        }
        return std::optional(waits);
    } catch (const nlohmann::json::exception&) {
        return wrong;
    }
}

std::string help_waits_text() {
    std::string out = fmt::format(
        "\nHistograms of how long tasks waited from becoming runnable to running, without "
        "rustland's "
        "own threads,\nunder \"waits\" in the JSON, for each class of tasks: in \"counts\" those "
        "below 2 us, below 4 us and so on;\nthe last of the {} holds all from {} ms on. "
        "\"limits_us\" "
        "has these limits, \"seconds\" the sum of all waits.\n\n",
        RL_WAIT_BUCKETS, wait_limit(RL_WAIT_BUCKETS - 2)->value / 1'000'000);
    for (const WaitClass& one : kClasses)
        out += fmt::format("  {:<15} {}\n", one.name, one.help);
    return out;
}

} // namespace rustland
