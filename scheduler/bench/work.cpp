// SPDX-License-Identifier: GPL-2.0-only
#include "bench/work.hpp"

#include "bench/clocks.hpp"

#include <algorithm>
#include <atomic>
#include <pthread.h>
#include <sched.h>
#include <system_error>
#include <thread>
#include <vector>

namespace rustland::bench {

std::uint64_t spin(std::uint64_t state, std::uint64_t iterations) noexcept {
    constexpr std::uint64_t kMultiplier = 6364136223846793005ULL;
    constexpr std::uint64_t kIncrement = 1442695040888963407ULL;
    if (iterations == 0)
        return state;
#if defined(__x86_64__)
    asm volatile("1:\n\t"
                 "imul %[mul], %[state]\n\t"
                 "add %[inc], %[state]\n\t"
                 "dec %[left]\n\t"
                 "jnz 1b"
                 : [state] "+r"(state), [left] "+r"(iterations)
                 : [mul] "r"(kMultiplier), [inc] "r"(kIncrement)
                 : "cc");
#else
    for (; iterations != 0; --iterations) {
        state = state * kMultiplier + kIncrement;
        asm volatile("" : "+r"(state)); // the value is wanted each time round: no shortcut
    }
#endif
    return state;
}

namespace {

constexpr std::uint64_t kProbeIterations = 50'000;
constexpr Nanos kMeasureFor = millis(300);

// Where the probing threads meet: nobody measures before all run, nobody stops before all have
// measured, so that every CPU is busy during every measurement.
struct Rendezvous {
    std::atomic<int> running{0};
    std::atomic<int> measured{0};
    int expected = 0;
};

// The rate of one CPU, by a thread that is pinned to it.
std::uint64_t measure_cpu(int cpu, Rendezvous& meet) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    // Only a help: the rate is taken per CPU time used, so a refusal to pin does no harm.
    ::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set);

    std::uint64_t state = static_cast<std::uint64_t>(cpu) + 1;
    meet.running.fetch_add(1);
    while (meet.running.load() < meet.expected)
        state = spin(state, kProbeIterations);

    std::uint64_t done = 0;
    const Nanos start = thread_cpu_now();
    Nanos used{};
    do {
        state = spin(state, kProbeIterations);
        done += kProbeIterations;
        used = thread_cpu_now() - start;
    } while (used < kMeasureFor);
    meet.measured.fetch_add(1);
    while (meet.measured.load() < meet.expected)
        state = spin(state, kProbeIterations);
    return done * 1'000'000 / static_cast<std::uint64_t>(used.value);
}

std::vector<int> usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0)
        return cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(static_cast<unsigned>(cpu), &set))
            cpus.push_back(cpu);
    return cpus;
}

} // namespace

Result<std::uint64_t> calibrate() {
    const std::vector<int> cpus = usable_cpus();
    if (cpus.empty())
        return Error::from_errno("sched_getaffinity");
    Rendezvous meet;
    meet.expected = static_cast<int>(cpus.size());
    std::vector<std::uint64_t> rates(cpus.size());
    std::vector<std::thread> threads;
    threads.reserve(cpus.size());
    try {
        for (std::size_t i = 0; i < cpus.size(); ++i)
            threads.emplace_back([&, i] { rates[i] = measure_cpu(cpus[i], meet); });
    } catch (const std::system_error& e) {
        meet.running = meet.expected; // lets those that did start finish
        meet.measured = meet.expected;
        for (auto& thread : threads)
            thread.join();
        return Error("cannot start a thread per CPU to calibrate: " + std::string(e.what()));
    }
    for (auto& thread : threads)
        thread.join();
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    return *middle;
}

} // namespace rustland::bench
