// SPDX-License-Identifier: GPL-2.0-only
// Random tasks for the fake machine, made from a seed.
#pragma once

#include "rustland/testing/fake_kernel.hpp"

#include <cstdint>
#include <random>
#include <vector>

namespace rustland::testing {

// The sanitizers make a run many times slower, so that they see fewer of them.
#ifdef __SANITIZE_ADDRESS__
inline constexpr std::uint64_t kRunsShare = 6;
#else
inline constexpr std::uint64_t kRunsShare = 1;
#endif

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    // From 0 to n - 1.
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    std::size_t between(std::size_t low, std::size_t high) {
        return low + static_cast<std::size_t>(below(high - low + 1));
    }
    Nanos up_to(Nanos span) {
        return Nanos{1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(span.value)))};
    }
    bool chance(std::uint64_t percent) { return below(100) < percent; }
    template <typename T> const T& one_of(const std::vector<T>& from) {
        return from[static_cast<std::size_t>(below(from.size()))];
    }

  private:
    std::mt19937_64 engine_;
};

inline TaskSpec random_task(Random& random, std::size_t cpus, bool finite) {
    TaskSpec spec;
    spec.weight = random.one_of<std::uint32_t>({1, 15, 100, 100, 100, 300, 10000});
    if (random.chance(25)) {
        spec.allowed = CpuSet(random.below(1ULL << cpus));
        if (spec.allowed.none())
            spec.allowed.set(random.below(cpus));
    }
    if (!finite && random.chance(30)) {
        spec.steps = {{kForever, {}}};
        return spec;
    }
    const Nanos run = random.one_of<Nanos>({micros(50), millis(1), millis(8), millis(50)});
    for (std::size_t i = random.between(1, 6); i > 0; --i)
        spec.steps.push_back({random.up_to(run), random.up_to(millis(10))});
    spec.repeat = !finite && random.chance(70);
    return spec;
}

} // namespace rustland::testing
