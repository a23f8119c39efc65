// SPDX-License-Identifier: GPL-2.0-only
// What passes between the kernel side and us: a record of the ring read, a row of the table
// written.
#include "records.hpp"
#include "no_allocation.hpp"
#include "rustland/core/kernel.hpp"

#include <array>

using namespace rustland;
using namespace rustland::micro;

namespace {

constexpr std::size_t kRows = Kernel::kMaxDecisions;

void read_record(benchmark::State& state) {
    std::array<rl_queued, kRows> ring{};
    for (std::size_t i = 0; i < ring.size(); ++i) {
        ring[i].pid = static_cast<std::int32_t>(i + 1);
        ring[i].seq = i;
    }
    std::size_t i = 0;
    NoAllocation none(state);
    while (state.KeepRunning()) {
        QueuedTask task = to_task(ring[i++ % kRows]);
        benchmark::DoNotOptimize(task);
    }
}

void write_row(benchmark::State& state) {
    std::array<rl_decision, kRows> table{};
    benchmark::DoNotOptimize(table.data()); // others see it, so each row has to be written
    Decision decision;
    decision.slice = millis(5);
    std::size_t i = 0;
    NoAllocation none(state);
    while (state.KeepRunning()) {
        decision.seq = i;
        benchmark::DoNotOptimize(decision);
        table[i++ % kRows] = to_row(decision);
        benchmark::ClobberMemory();
    }
}

} // namespace

BENCHMARK(read_record)->Name("record of the ring to task");
BENCHMARK(write_row)->Name("decision to row of the table");
