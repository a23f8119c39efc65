// SPDX-License-Identifier: GPL-2.0-only
#include "bench/shader.hpp"

#include "bench/clocks.hpp"
#include "bench/load_plan.hpp"
#include "bench/process.hpp"
#include "bench/work.hpp"

#include <algorithm>

namespace rustland::bench {

ShaderThreads::ShaderThreads(const GameConfig& config, const LoadCounters& counters,
                             GameRecord& record)
    : config_(config), counters_(counters), record_(record) {
    if (config.shader.family != LoadFamily::Shader)
        return;
    threads_.reserve(config.shader.slots);
    for (unsigned slot = 0; slot < config.shader.slots; ++slot)
        threads_.emplace_back([this, slot] { compile(slot); });
}

ShaderThreads::~ShaderThreads() {
    stopping_.store(true);
    for (auto& thread : threads_)
        thread.join();
}

void ShaderThreads::compile(unsigned slot) {
    set_comm("bench-shader");
    while (!record_.load_may_begin() && !stopping_.load())
        sleep_for(millis(1));
    LoadCounter& counter = counters_.slots()[slot];
    const std::uint64_t step = std::max<std::uint64_t>(config_.iterations_per_ms / 4, 1);
    std::uint64_t state = 1;
    for (std::uint64_t job = 0; !stopping_.load(); ++job) {
        std::uint64_t left =
            job_iterations(config_.shader, config_.seed, slot, job, config_.iterations_per_ms);
        while (left > 0 && !stopping_.load()) {
            const std::uint64_t now = std::min(left, step);
            state = spin(state, now);
            counter.iterations.fetch_add(now, std::memory_order_relaxed);
            left -= now;
        }
        counter.jobs.fetch_add(1, std::memory_order_relaxed);
    }
}

} // namespace rustland::bench
