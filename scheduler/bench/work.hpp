// SPDX-License-Identifier: GPL-2.0-only
// The unit of work: one iteration of a fixed loop. Everything the benchmark computes, the game's
// frames and the load alike, is counted in it, so that a run repeats and so that "total work" can
// add the two.
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>

namespace rustland::bench {

// Runs the loop: one multiply, one add, one decrement and one branch per iteration, each depending
// on the one before. Touches no memory. On x86-64 these are exactly four instructions, whatever the
// compiler, which is what makes the numbers of an instruction-counting machine repeat.
std::uint64_t spin(std::uint64_t state, std::uint64_t iterations) noexcept;

// Instructions that one iteration takes (x86-64; elsewhere it is the compiler's choice).
inline constexpr std::uint64_t kInstructionsPerIteration = 4;

// Iterations that one CPU does in a millisecond of a task's CPU time while every CPU of the machine
// is busy: the median over the CPUs this process may use. All of them are loaded because that is
// the machine which the game and the load find (turbo clocks, shared cores, and in an
// instruction-counting virtual machine a share of the instruction budget).
Result<std::uint64_t> calibrate();

} // namespace rustland::bench
