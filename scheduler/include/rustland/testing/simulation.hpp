// SPDX-License-Identifier: GPL-2.0-only
// A fake machine with a policy and the dispatch loop on it, and the thread that drives them.
#pragma once

#include "rustland/core/dispatch_loop.hpp"
#include "rustland/testing/fake_kernel.hpp"

#include <algorithm>

namespace rustland::testing {

// Plays the scheduling thread: carries tasks and decisions until `until`, waking up `latency` after
// each thing that happens. The loop may work on `kernel` through another seam.
inline void simulate(FakeKernel& kernel, DispatchLoop& loop, Nanos until, Nanos latency = {}) {
    do {
        auto round = loop.run_once(kernel.now());
        while (round == DispatchLoop::Round::Done)
            round = loop.run_once(kernel.now());
        Nanos next = until;
        if (const auto event = kernel.next_event())
            next = std::min(next, *event + latency);
        if (round == DispatchLoop::Round::Retry)
            next = std::min(next, kernel.now() + std::max(latency, micros(50)));
        kernel.advance_to(next);
    } while (kernel.now() < until);
}

// A machine of its own for one policy.
template <typename P> struct Simulation {
    template <typename... Args>
    explicit Simulation(const MachineParams& machine, Args&&... args)
        : kernel(machine), policy(std::forward<Args>(args)...) {}

    void run_for(Nanos span, Nanos latency = {}) {
        simulate(kernel, loop, kernel.now() + span, latency);
    }

    FakeKernel kernel;
    P policy;
    LoopCounters counters;
    DispatchLoop loop{kernel, policy, counters, millis(5)};
};

// Scripts.
inline TaskSpec hog(std::uint32_t weight = 100) {
    return {.steps = {{kForever, {}}}, .weight = weight};
}
inline TaskSpec once(Nanos run) { return {.steps = {{run, {}}}}; }
inline TaskSpec periodic(Nanos run, Nanos sleep, std::uint32_t weight = 100) {
    return {.steps = {{run, sleep}}, .repeat = true, .weight = weight};
}

} // namespace rustland::testing
