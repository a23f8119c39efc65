// SPDX-License-Identifier: GPL-2.0-only
// What a scheduler could reach that gives everybody an equal share and knows no game.
#pragma once

#include "bench/cell.hpp"

#include <vector>

namespace rustland::bench {

// Tasks that are alike. `demand` is what each would use if it were alone, in CPUs (0 to 1).
struct Claim {
    double demand = 0;
    unsigned tasks = 1;
};

// The largest share L (in CPUs) such that every claimant has the smaller of L and its demand and
// `capacity` is not exceeded. Infinite when all demands can be met.
double equal_share(const std::vector<Claim>& claims, double capacity);

// The frame rate that equal shares allow in the long run: first among groups, as the setup has
// them, each at most what its tasks want, then among the tasks of a group. The rate is limited by
// the thread that gets the smallest part of what it wants, of the main thread, the workers and the
// compositor. It is an upper limit: waiting in the wrong moment and the vsync, at which a late
// frame loses a whole period, are not in it.
double equal_share_fps(const Cell& cell, unsigned cpus);

} // namespace rustland::bench
