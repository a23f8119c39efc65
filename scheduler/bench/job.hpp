// SPDX-License-Identifier: GPL-2.0-only
// One compile-like job of the build load: a tree of short-lived processes.
#pragma once

#include "bench/model.hpp"
#include "bench/shared.hpp"

namespace rustland::bench {

// The compiler driver, in a process of its own. It preprocesses into a pipe which the compiler
// proper, a child, reads; then another child assembles what that has written to a temporary file.
// The stages are forked, not executed as programs: starting a program costs a fixed number of
// instructions, which on the slow CPUs of an instruction-counting virtual machine would be most of
// the job. Returns the exit status.
int run_job(const JobPlan& plan, LoadCounter& counter, std::uint64_t iterations_per_ms);

} // namespace rustland::bench
