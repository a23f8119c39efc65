// SPDX-License-Identifier: GPL-2.0-only
// The benchmark's own random numbers: the same on each machine and with each standard library,
// whose distributions are free to differ.
#pragma once

#include <cstdint>

namespace rustland::bench {

// SplitMix64: small, and good enough for durations.
class Rng {
  public:
    explicit Rng(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    // Uniform in [0, 1).
    double uniform();
    double uniform(double low, double high) { return low + (high - low) * uniform(); }
    // Uniform in the logarithm: as many between 20 and 40 as between 40 and 80.
    double log_uniform(double low, double high);

    // Whole numbers alone, so that not even a mathematical library can change the result.
    // Uniform in [0, limit); limit is at least 1.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    // Uniform in [low, high]; low is not above high.
    unsigned between(unsigned low, unsigned high) {
        return low + static_cast<unsigned>(below(std::uint64_t{high} - low + 1));
    }
    // In [low, high], each doubling of `low` as likely as the next one (the last one may be cut
    // short), and uniform within it. low is at least 1.
    unsigned by_octaves(unsigned low, unsigned high);

  private:
    std::uint64_t state_;
};

// A generator for item `index` of the stream `stream`: item 7 is the same whatever came before.
Rng rng_for(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

} // namespace rustland::bench
