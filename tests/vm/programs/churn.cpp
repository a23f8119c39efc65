// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fmt/core.h>
#include <fstream>
#include <linux/futex.h>
#include <string>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

struct Churn;

struct Worker {
    Churn* churn = nullptr;
    unsigned index = 0;
    pthread_t thread{};
    std::atomic<pid_t> tid{0};
    std::atomic<bool> done{false};
};

struct Churn {
    ChurnOptions options;
    std::vector<int> cpus;
    std::deque<Worker> workers;
    std::atomic<std::uint32_t> go{0};
    std::atomic<unsigned> ready{0};
    std::atomic<unsigned> finished{0};
    std::atomic<std::uint64_t> changes{0};
    std::atomic<std::uint64_t> urgent_beats{0};
    std::atomic<std::int64_t> urgent_longest{0};
    std::atomic<bool> over{false};
};

cpu_set_t random_cpus(const Churn& churn, Random& random) {
    cpu_set_t set;
    CPU_ZERO(&set);
    // Single CPUs as often as larger sets: those are what must be honoured most exactly.
    const bool single = random.below(2) == 0;
    CPU_SET(static_cast<std::size_t>(churn.cpus[random.below(churn.cpus.size())]), &set);
    for (const int cpu : churn.cpus) {
        if (!single && random.below(2) == 0)
            CPU_SET(static_cast<std::size_t>(cpu), &set);
    }
    return set;
}

void change_affinity(Churn& churn, Random& random, pid_t tid) {
    if (tid != 0 && set_affinity(tid, random_cpus(churn, random)))
        ++churn.changes;
}

void change_class(Churn& churn, Random& random, pid_t tid) {
    constexpr std::array kClasses{SCHED_OTHER, SCHED_BATCH, SCHED_IDLE,
                                  SCHED_FIFO,  SCHED_RR,    kSchedExt};
    const int to = kClasses[random.below(kClasses.size())];
    sched_param parameter{};
    parameter.sched_priority = to == SCHED_FIFO || to == SCHED_RR ? 1 : 0;
    if (::sched_setscheduler(tid, to, &parameter) == 0)
        ++churn.changes;
    else if (errno != ESRCH)
        die("sched_setscheduler", errno);
    const int nice = static_cast<int>(random.below(40)) - 20;
    if (::setpriority(PRIO_PROCESS, static_cast<id_t>(tid), nice) != 0 && errno != ESRCH)
        die("setpriority", errno);
}

void wait_for_go(Churn& churn) {
    ++churn.ready;
    while (churn.go == 0)
        ::syscall(SYS_futex, &churn.go, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
}

void change_own_affinity(Churn& churn, Random& random) {
    if (set_affinity(0, random_cpus(churn, random)))
        ++churn.changes;
}

void* work_and_change(void* argument) {
    auto& self = *static_cast<Worker*>(argument);
    Churn& churn = *self.churn;
    Random random(self.index + 1);
    self.tid = thread_id();
    wait_for_go(churn);
    for (unsigned round = 0; round < churn.options.rounds; ++round) {
        work(churn.options.work);
        change_own_affinity(churn, random);
        const Worker& other = churn.workers[random.below(churn.workers.size())];
        if (!other.done)
            change_affinity(churn, random, other.tid);
        if (churn.options.classes && !other.done && other.tid != 0)
            change_class(churn, random, other.tid);
        if (random.below(4) == 0)
            sleep_for(micros(static_cast<std::int64_t>(random.below(3000))));
        else if (random.below(4) == 0)
            ::sched_yield();
    }
    self.done = true;
    ++churn.finished;
    return nullptr;
}

void* change_others(void* argument) {
    auto& self = *static_cast<Worker*>(argument);
    Churn& churn = *self.churn;
    Random random(self.index + 1'000'003);
    wait_for_go(churn);
    while (!churn.over) {
        for (int i = 0; i < 64; ++i) {
            const Worker& other = churn.workers[random.below(churn.workers.size())];
            if (other.done)
                continue;
            change_affinity(churn, random, other.tid);
            if (churn.options.classes && other.tid != 0)
                change_class(churn, random, other.tid);
        }
        sleep_for(micros(500));
    }
    return nullptr;
}

void* be_urgent(void* argument) {
    Churn& churn = *static_cast<Worker*>(argument)->churn;
    wait_for_go(churn);
    while (!churn.over) {
        const Nanos before = monotonic_now();
        sleep_for(millis(1));
        work(2000);
        const std::int64_t late = (monotonic_now() - before - millis(1)).value;
        std::int64_t longest = churn.urgent_longest;
        while (late > longest && !churn.urgent_longest.compare_exchange_weak(longest, late)) {
        }
        ++churn.urgent_beats;
    }
    return nullptr;
}

// What the kernel knows about a thread that did not finish.
void show_lost(const Churn& churn) {
    int shown = 0;
    for (const Worker& worker : churn.workers) {
        if (worker.done || shown++ == 5)
            continue;
        for (const char* name : {"status", "sched", "stack"}) {
            std::ifstream file(fmt::format("/proc/self/task/{}/{}", worker.tid.load(), name));
            std::string line;
            for (int i = 0; i < 70 && std::getline(file, line); ++i)
                fmt::print("lost {}: {}\n", worker.tid.load(), line);
        }
    }
}

} // namespace

int churn(const ChurnOptions& options) {
    Churn churn;
    churn.options = options;
    churn.cpus = allowed_cpus();
    std::deque<Worker> helpers;
    const auto start = [&](std::deque<Worker>& into, void* (*body)(void*)) {
        Worker& worker = into.emplace_back();
        worker.churn = &churn;
        worker.index = static_cast<unsigned>(into.size());
        worker.thread = start_thread(body, &worker);
    };
    for (unsigned i = 0; i < options.threads; ++i)
        start(churn.workers, work_and_change);
    for (unsigned i = 0; i < options.changers; ++i)
        start(helpers, change_others);
    for (unsigned i = 0; i < options.urgent; ++i)
        start(helpers, be_urgent);
    while (churn.ready < options.threads + options.changers + options.urgent)
        sleep_for(millis(5));

    const Nanos started = monotonic_now();
    churn.go = 1;
    ::syscall(SYS_futex, &churn.go, FUTEX_WAKE_PRIVATE, 1'000'000'000, nullptr, nullptr, 0);
    while (churn.finished < options.threads && monotonic_now() - started < seconds(options.limit_s))
        sleep_for(millis(5));
    const Nanos took = monotonic_now() - started;
    churn.over = true;
    fmt::print("threads={} finished={} changes={} ms={} urgent_beats={} urgent_longest_us={}\n",
               options.threads, churn.finished.load(), churn.changes.load(), took.value / 1'000'000,
               churn.urgent_beats.load(), churn.urgent_longest.load() / 1000);
    if (churn.finished < options.threads) {
        show_lost(churn);
        std::fflush(stdout);
        std::_Exit(1);
    }
    for (Worker& worker : churn.workers)
        pthread_join(worker.thread, nullptr);
    for (Worker& worker : helpers)
        pthread_join(worker.thread, nullptr);
    return 0;
}

} // namespace rustland::vm
