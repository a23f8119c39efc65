// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <deque>
#include <fmt/core.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace rustland::vm {
namespace {

// A futex without the spinning and yielding of std::atomic::wait, which would hide the scheduler.
class Bell {
  public:
    [[nodiscard]] std::uint32_t now() const { return rings_.load(); }
    void wait_after(std::uint32_t seen) {
        while (rings_.load() == seen)
            futex(FUTEX_WAIT_PRIVATE, seen);
    }
    void ring() {
        ++rings_;
        futex(FUTEX_WAKE_PRIVATE, INT_MAX);
    }

  private:
    void futex(int operation, std::uint32_t value) {
        if (::syscall(SYS_futex, &rings_, operation, value, nullptr) < 0 && errno != EAGAIN &&
            errno != EINTR)
            die("futex", errno);
    }
    std::atomic<std::uint32_t> rings_{0};
};

struct Messenger;

struct Worker {
    Messenger* messenger = nullptr;
    Bell bell;
    std::atomic<bool> waits{false};
    std::atomic<std::int64_t> woken_at{0};
    std::vector<std::int64_t> latencies; // of those within the measured time
};

struct Messenger {
    const WakeupOptions* options = nullptr;
    Bell bell; // rung by each worker that is done
    std::deque<Worker> workers;
    std::int64_t from = 0;
    std::int64_t until = 0;
};

void* be_worker(void* argument) {
    auto& self = *static_cast<Worker*>(argument);
    for (;;) {
        const std::uint32_t seen = self.bell.now();
        self.waits = true;
        self.messenger->bell.ring();
        self.bell.wait_after(seen);
        const std::int64_t now = monotonic_now().value;
        const std::int64_t woken = self.woken_at;
        if (woken >= self.messenger->until)
            return nullptr;
        if (woken >= self.messenger->from)
            self.latencies.push_back(now - woken);
        work(self.messenger->options->work);
    }
}

void* be_messenger(void* argument) {
    auto& self = *static_cast<Messenger*>(argument);
    std::size_t finished = 0;
    while (finished < self.workers.size()) {
        const std::uint32_t seen = self.bell.now();
        bool any = false;
        for (auto& worker : self.workers) {
            if (!worker.waits.exchange(false))
                continue;
            any = true;
            const std::int64_t now = monotonic_now().value;
            worker.woken_at = now;
            if (now >= self.until)
                ++finished;
            worker.bell.ring();
        }
        if (!any)
            self.bell.wait_after(seen);
        else if (self.options->pause_us > 0)
            sleep_for(micros(self.options->pause_us));
    }
    return nullptr;
}

std::int64_t rank(const std::vector<std::int64_t>& sorted, std::size_t per_mille) {
    const std::size_t at = (sorted.size() * per_mille + 999) / 1000;
    return sorted[std::min(std::max<std::size_t>(at, 1), sorted.size()) - 1];
}

} // namespace

int wakeups(const WakeupOptions& options) {
    std::deque<Messenger> messengers(options.messengers);
    std::vector<pthread_t> threads;
    const std::int64_t from = monotonic_now().value + options.warmup_ms * 1'000'000;
    for (auto& messenger : messengers) {
        messenger.options = &options;
        messenger.from = from;
        messenger.until = from + options.duration_ms * 1'000'000;
        messenger.workers.resize(options.workers);
        for (auto& worker : messenger.workers) {
            worker.messenger = &messenger;
            worker.latencies.reserve(100000); // no page fault counts as a wait for long
            threads.push_back(start_thread(be_worker, &worker));
        }
        threads.push_back(start_thread(be_messenger, &messenger));
    }
    for (const pthread_t thread : threads)
        pthread_join(thread, nullptr);

    std::vector<std::int64_t> all;
    for (const auto& messenger : messengers)
        for (const auto& worker : messenger.workers)
            all.insert(all.end(), worker.latencies.begin(), worker.latencies.end());
    if (all.empty()) {
        fmt::print(stderr, "vm-tasks: no worker was woken in the measured time\n");
        return 1;
    }
    std::sort(all.begin(), all.end());
    fmt::print("per_second={:.1f} p50_us={:.1f} p99_us={:.1f} p999_us={:.1f} max_us={:.1f}\n",
               static_cast<double>(all.size()) * 1000 / static_cast<double>(options.duration_ms),
               static_cast<double>(rank(all, 500)) / 1000,
               static_cast<double>(rank(all, 990)) / 1000,
               static_cast<double>(rank(all, 999)) / 1000, static_cast<double>(all.back()) / 1000);
    return 0;
}

} // namespace rustland::vm
