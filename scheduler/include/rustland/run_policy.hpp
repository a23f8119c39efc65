// SPDX-License-Identifier: GPL-2.0-only
// A whole scheduler in one call: a program with the options, the statistics socket, the messages
// and the exit statuses of rustland(8), around a policy of one's own.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/core/topology.hpp"
#include "rustland/policy/policy.hpp"
#include "rustland/policy/policy_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rustland {

// What a policy is made from.
struct PolicyContext {
    const Topology& topology;                // lives longer than the policy
    PolicyMemory& memory;                    // lives longer than the policy
    std::size_t capacity = 4096;             // tasks to have room for
    Nanos slice_max = millis(20);            // --slice-us
    Nanos slice_min = millis(1);             // --slice-min-us
    std::uint32_t others_share = 10;         // --others-share, percent
    std::string policy = {};                 // --policy, one of Program::policies
    std::vector<std::string> arguments = {}; // of the command line, see Program::arguments
};

// Makes the policy, on the main thread, before anything is scheduled: the place to read files and
// to take memory. An error (or an exception) ends the program with its message. Called again where
// the kernel asks for a restart.
using PolicyFactory = std::function<Result<std::unique_ptr<Policy>>(const PolicyContext& context)>;

// How the program presents itself.
struct Program {
    std::string name = {};  // empty: the last part of argv[0]
    std::string about = {}; // one or two sentences for --help
    // Names of policies among which --policy chooses, the first by default; with fewer than two
    // there is no such option.
    std::vector<std::string> policies = {};
    // What arguments, other than options, the command line takes, such as "[FILE]"; empty: none.
    std::string arguments = {};
    std::size_t memory_bytes = std::size_t{4} << 20; // of PolicyMemory; all of it is locked
};

// Schedules the machine with the policy until it is stopped by a signal, over the socket, or by the
// kernel. Returns the status to end with. To be called from main, once, before there are other
// threads. If the policy hangs so that its thread cannot be ended, the process ends in here.
//
// Counts the allocator calls of the scheduling thread, and so replaces malloc() in a program that
// uses it (with glibc).
int run_policy(int argc, char** argv, const PolicyFactory& make, Program program = {});

// The same for a policy that is made from a PolicyContext, or from nothing.
template <typename P> int run_policy(int argc, char** argv, Program program = {}) {
    const PolicyFactory make = [](const PolicyContext& context) -> Result<std::unique_ptr<Policy>> {
        if constexpr (std::is_constructible_v<P, const PolicyContext&>)
            return std::unique_ptr<Policy>(std::make_unique<P>(context));
        else
            return std::unique_ptr<Policy>(std::make_unique<P>());
    };
    return run_policy(argc, argv, make, std::move(program));
}

} // namespace rustland
