// SPDX-License-Identifier: GPL-2.0-only
// rustland-microbench: not installed; `ci/bench micro` runs it.
#include "no_allocation.hpp"

#include <cstdio>
#include <memory>

namespace {

// A counter that is not connected would find nothing.
bool allocations_are_seen() {
    rustland::Counter calls;
    rustland::allocation_sink = &calls;
    auto block = std::make_unique<int>(0);
    benchmark::DoNotOptimize(block.get());
    rustland::allocation_sink = nullptr;
    return calls.get() > 0;
}

} // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    if (rustland::counts_allocations() && !allocations_are_seen()) {
        std::fputs("rustland-microbench: allocations are not counted\n", stderr);
        return 1;
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return rustland::micro::failed ? 1 : 0;
}
