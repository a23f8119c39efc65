// SPDX-License-Identifier: GPL-2.0-only
// Prints "ready" when it listens; on SIGUSR1 the beats of the thread with the fewest and the
// longest time that any of them waited since the last report; ends on SIGTERM.
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fmt/core.h>

namespace rustland::vm {
namespace {

struct Beater {
    const BeatOptions* options = nullptr;
    int cpu = -1;
    std::atomic<pid_t> tid{0};
    std::atomic<std::uint64_t> beats{0};
    std::atomic<std::int64_t> last{0};    // when the last beat was complete
    std::atomic<std::int64_t> longest{0}; // from one beat to the next, less the sleep
};

void* run(void* argument) {
    auto& self = *static_cast<Beater*>(argument);
    if (self.cpu >= 0)
        bind_to(0, self.cpu);
    self.tid = thread_id();
    self.last = monotonic_now().value;
    for (;;) {
        sleep_for(micros(self.options->sleep_us));
        work(self.options->work);
        const std::int64_t now = monotonic_now().value;
        const std::int64_t gap = now - self.last - micros(self.options->sleep_us).value;
        if (gap > self.longest)
            self.longest = gap;
        self.last = now;
        self.beats += 1;
    }
}

void print(std::deque<Beater>& beaters) {
    const std::int64_t now = monotonic_now().value;
    std::uint64_t fewest = UINT64_MAX;
    std::int64_t longest = 0;
    for (auto& beater : beaters) {
        // A beat that is late and has not come yet counts, too.
        const std::int64_t open = now - beater.last - micros(beater.options->sleep_us).value;
        fewest = std::min(fewest, beater.beats.load());
        longest = std::max({longest, beater.longest.exchange(0), open});
    }
    fmt::print("beats={} longest_us={}\n", fewest, longest / 1000);
    std::fflush(stdout);
}

} // namespace

int beat(const BeatOptions& options) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    std::deque<Beater> beaters;
    for (const int cpu : options.cpus)
        beaters.emplace_back().cpu = cpu;
    for (unsigned i = 0; i < options.threads; ++i)
        beaters.emplace_back();
    for (auto& beater : beaters) {
        beater.options = &options;
        start_thread(run, &beater);
    }
    fmt::print("ready\n");
    std::fflush(stdout);
    for (;;) {
        int signal = 0;
        sigwait(&signals, &signal);
        if (signal == SIGTERM)
            std::_Exit(0);
        print(beaters);
    }
}

} // namespace rustland::vm
