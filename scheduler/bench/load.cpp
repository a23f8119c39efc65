// SPDX-License-Identifier: GPL-2.0-only
#include "bench/load.hpp"

#include "bench/job.hpp"
#include "bench/load_parts.hpp"

#include <unistd.h>

namespace rustland::bench {
namespace {

// make -jN of compile-like jobs.
int run_make(const LoadRun& run, unsigned slots) {
    const auto counters = run.counters.slots();
    const auto job = [&](std::size_t slot, std::uint64_t number) {
        return run_job(plan_job(run.seed, number, run.iterations_per_ms), counters[slot],
                       run.iterations_per_ms);
    };
    // What make itself does for a target: rules, dependencies, time stamps.
    const auto own_work = [&](LoadCounter& counter) {
        Worker(counter, run.iterations_per_ms).run(run.iterations_per_ms / 5);
    };
    return BusySlots(run, "bench-cc", 0, slots, job, own_work).run();
}

int run_load(const LoadShape& shape, const LoadRun& run) {
    const auto counters = run.counters.slots();
    std::size_t slot = shape.build_slots;
    for (unsigned i = 0; i < shape.hogs; ++i, ++slot)
        if (!started(fork_member("bench-hog", [&]() -> int { run_hog(run, counters[slot]); })))
            return 1;
    for (unsigned i = 0; i < shape.sleepers; ++i, ++slot)
        if (!started(fork_member("bench-sleeper",
                                 [&]() -> int { run_sleeper(run, counters[slot], i); })))
            return 1;
    if (shape.build_slots > 0)
        return run_make(run, shape.build_slots);
    for (;;)
        ::pause();
}

} // namespace

unsigned counters_of(const Scenario& scenario) {
    return scenario.cell ? counters_of(scenario.cell->load) : shape_of(scenario).total();
}

Result<ProcessGroup> start_load(const Scenario& scenario, const LoadCounters& counters,
                                std::uint64_t seed, std::uint64_t iterations_per_ms,
                                const Placement& place) {
    if (scenario.cell)
        return start_cell_load(scenario.cell->load, counters, seed, iterations_per_ms, place);
    const LoadShape shape = shape_of(scenario);
    const LoadRun run{counters, seed, iterations_per_ms};
    return ProcessGroup::start(
        "bench-make", [&] { return run_load(shape, run); }, place);
}

} // namespace rustland::bench
