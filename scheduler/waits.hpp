// SPDX-License-Identifier: GPL-2.0-only
// How long tasks wait for a CPU, from becoming runnable to running: a histogram for each class, and
// how it is spoken of. Pure.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland_abi.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

namespace rustland {

struct WaitHistogram {
    // Waits below wait_limit() of the bucket that no bucket before holds. Only grow.
    std::array<std::uint64_t, RL_WAIT_BUCKETS> counts{};
    Nanos sum; // of all waits together

    [[nodiscard]] std::uint64_t count() const;
    // The bucket of the wait that so large a share of all does not exceed; nothing without waits.
    [[nodiscard]] std::optional<std::size_t> quantile(double share) const;
    bool operator==(const WaitHistogram&) const = default;
};

// What waits of a bucket stay below; nothing for the last one.
std::optional<Nanos> wait_limit(std::size_t bucket);

struct WaitClass {
    const char* name;
    rl_class task_class;
    const char* help;
};
// All of them, in the order in which they are shown.
std::span<const WaitClass> wait_classes();

// In the order of wait_classes().
using Waits = std::array<WaitHistogram, RL_CLASSES>;
Waits waits_of(const rl_waits& counted);
// What came to it between two moments.
Waits waits_between(const Waits& before, const Waits& now);

// {"limits_us":[2,…],"foreground":{"counts":[…],"seconds":0.1},…}
nlohmann::json to_json(const Waits& waits);
// The same into what is null or from the last time.
void update_json(nlohmann::json& json, const Waits& waits);
// The reverse; nothing where another version has other buckets.
Result<std::optional<Waits>> waits_from_json(const nlohmann::json& json);

std::string help_waits_text();

} // namespace rustland
