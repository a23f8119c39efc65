// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "pinned.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <deque>
#include <fmt/core.h>
#include <optional>
#include <sys/resource.h>

namespace rustland::vm {
namespace {

constexpr std::uint64_t kChunk = 20000; // loop iterations between two looks at the clocks
constexpr std::int64_t kSleepUs = 20000;

struct Waiter {
    const WaitOptions* options = nullptr;
    const PinnedLoop* pinned = nullptr;
    int cpu = -1;
    std::int64_t from = 0;
    std::int64_t until = 0;
    std::int64_t longest = 0; // ready to run, but not running
    std::int64_t cpu_time = 0;
    std::uint64_t rounds = 0;
};

std::int64_t thread_cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

void sleep_until(std::int64_t at) {
    const timespec when{at / 1'000'000'000, at % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

// The time between two looks that was not CPU time was spent waiting for a CPU. A sleeper's time
// counts from the end of its sleep.
void* be_waiter(void* argument) {
    auto& self = *static_cast<Waiter*>(argument);
    if (self.cpu >= 0)
        bind_to(0, self.cpu);
    if (self.options->nice != 0 &&
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread_id()), self.options->nice) != 0)
        die("setpriority", errno);
    const bool sleeper = self.options->kind == "sleeper";
    std::int64_t ready = monotonic_now().value;
    std::int64_t used = thread_cpu_time();
    while (ready < self.until) {
        if (sleeper) {
            ready += kSleepUs * 1000;
            sleep_until(ready);
        }
        if (self.pinned)
            self.pinned->run();
        else
            work(kChunk);
        const std::int64_t now = monotonic_now().value;
        const std::int64_t now_used = thread_cpu_time();
        if (ready >= self.from) {
            self.longest = std::max(self.longest, (now - ready) - (now_used - used));
            self.cpu_time += now_used - used;
            ++self.rounds;
        } else if (now >= self.from) {
            // A wait that began during the warm-up and reaches into the measured time.
            self.longest = std::max(self.longest, now - self.from - (now_used - used));
        }
        ready = now;
        used = now_used;
    }
    return nullptr;
}

} // namespace

int waits(const WaitOptions& options) {
    std::deque<Waiter> all;
    std::optional<PinnedLoop> pinned;
    if (options.kind == "pinned")
        pinned = PinnedLoop::load();
    for (const int cpu : options.cpus)
        all.emplace_back().cpu = cpu;
    while (options.cpus.empty() && all.size() < options.threads)
        all.emplace_back();
    const std::int64_t from = monotonic_now().value + options.warmup_ms * 1'000'000;
    std::vector<pthread_t> threads;
    for (auto& waiter : all) {
        waiter.options = &options;
        waiter.pinned = pinned ? &*pinned : nullptr;
        waiter.from = from;
        waiter.until = from + options.duration_ms * 1'000'000;
        threads.push_back(start_thread(be_waiter, &waiter));
    }
    for (const pthread_t thread : threads)
        pthread_join(thread, nullptr);
    std::int64_t longest = 0;
    std::int64_t cpu_time = 0;
    std::uint64_t fewest = UINT64_MAX;
    for (const auto& waiter : all) {
        longest = std::max(longest, waiter.longest);
        cpu_time += waiter.cpu_time;
        fewest = std::min(fewest, waiter.rounds);
    }
    fmt::print("tasks={} longest_ms={:.1f} cpu_percent={:.1f} fewest_rounds={}\n", all.size(),
               static_cast<double>(longest) / 1e6,
               static_cast<double>(cpu_time) / static_cast<double>(options.duration_ms) / 1e4,
               fewest);
    return 0;
}

} // namespace rustland::vm
