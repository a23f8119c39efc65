// SPDX-License-Identifier: GPL-2.0-only
#include "bench/rng.hpp"

#include <algorithm>
#include <cmath>

namespace rustland::bench {

std::uint64_t Rng::next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Rng::log_uniform(double low, double high) {
    return std::exp(uniform(std::log(low), std::log(high)));
}

unsigned Rng::by_octaves(unsigned low, unsigned high) {
    std::uint64_t octaves = 1;
    for (std::uint64_t start = low; start * 2 < high; start *= 2)
        ++octaves;
    const std::uint64_t start = std::uint64_t{low} << below(octaves);
    const std::uint64_t end = std::min<std::uint64_t>(start * 2, high);
    return between(static_cast<unsigned>(start), static_cast<unsigned>(end));
}

Rng rng_for(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    Rng mix(seed);
    const std::uint64_t a = mix.next();
    Rng mix_stream(a ^ stream);
    const std::uint64_t b = mix_stream.next();
    return Rng(b ^ (index * 0xD1342543DE82EF95ULL));
}

} // namespace rustland::bench
