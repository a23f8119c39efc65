// SPDX-License-Identifier: GPL-2.0-only
#include "shares/tasks.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::shares {
namespace {

[[noreturn]] void give_up(const char* what) {
    fmt::print(stderr, "share-oracle: a task cannot {}: {}\n", what, std::strerror(errno));
    std::_Exit(1);
}

// Instructions that do nothing, because an emulator that counts them for time gets over them at
// once, and a measurement does not take longer than it must. About half a microsecond a step.
void compute(std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps; ++i)
        __asm__ volatile(".rept 256\n\tnop\n\t.endr" ::: "memory");
}

Nanos own_cpu_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return seconds(time.tv_sec) + Nanos{time.tv_nsec};
}

// Uses that much CPU time, however long it takes to get it.
void use(Nanos span) {
    constexpr std::uint64_t kStep = 10;
    for (const Nanos end = own_cpu_time() + span; own_cpu_time() < end;)
        compute(kStep);
}

void sleep_until(Nanos moment) {
    const timespec when{moment.value / 1'000'000'000, moment.value % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

[[noreturn]] void be_hog() {
    for (;;)
        compute(1'000'000);
}

// One that is late begins its next period at once: it has no debts to work off.
[[noreturn]] void be_sleeper(Nanos work, Nanos every) {
    for (Nanos begin = monotonic_now();; begin = std::max(begin + every, monotonic_now())) {
        sleep_until(begin);
        use(work);
    }
}

[[noreturn]] void be_napper(Nanos work, Nanos nap) {
    for (;;) {
        use(work);
        sleep_until(monotonic_now() + nap);
    }
}

Nanos of(const timeval& time) { return seconds(time.tv_sec) + micros(time.tv_usec); }

[[noreturn]] void be_storm(Nanos work, unsigned alive, Slot& slot) {
    const pid_t self = ::getpid();
    for (unsigned living = 0;;) {
        for (; living < alive; ++living) {
            const pid_t child = ::fork();
            if (child < 0)
                give_up("fork");
            if (child == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (::getppid() == self)
                    use(work);
                std::_Exit(0);
            }
        }
        rusage used{};
        if (::wait4(-1, nullptr, 0, &used) < 0)
            give_up("wait for its child");
        --living;
        slot.children_ns +=
            static_cast<std::uint64_t>((of(used.ru_utime) + of(used.ru_stime)).value);
    }
}

[[noreturn]] void be_partner(Nanos work, int from, int to, bool begins) {
    char message = 'm';
    const auto receive = [&] {
        if (::read(from, &message, 1) != 1)
            give_up("read its pipe");
    };
    if (!begins)
        receive();
    for (;;) {
        use(work);
        if (::write(to, &message, 1) != 1)
            give_up("write to its pipe");
        receive();
    }
}

void apply(const TaskLine& line) {
    if (line.policy != TaskPolicy::normal) {
        const sched_param parameters{};
        const int policy = line.policy == TaskPolicy::batch ? SCHED_BATCH : SCHED_IDLE;
        if (::sched_setscheduler(0, policy, &parameters) != 0)
            give_up("set its scheduling policy");
    }
    if (line.nice != 0 && ::setpriority(PRIO_PROCESS, 0, line.nice) != 0)
        give_up("set its nice value");
    if (line.cpus.empty())
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : line.cpus)
        CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (::sched_setaffinity(0, sizeof(set), &set) != 0)
        give_up("bind itself to its CPUs (does the machine have them?)");
}

} // namespace

std::size_t slots_of(const TaskLine& line) { return line.kind == TaskKind::pair ? 2 : 1; }

void be_task(const TaskLine& line, std::size_t index, Slot& slot, int gate,
             std::span<const int> pipes) {
    apply(line);
    slot.pid = ::getpid();
    char nothing = 0;
    if (::read(gate, &nothing, 1) < 0)
        give_up("wait for the others");
    switch (line.kind) {
    case TaskKind::hog:
        be_hog();
    case TaskKind::sleeper:
        be_sleeper(line.work, line.every);
    case TaskKind::napper:
        be_napper(line.work, line.nap);
    case TaskKind::storm:
        be_storm(line.work, line.alive, slot);
    case TaskKind::pair:
        // The first reads what the second writes, and begins.
        if (index == 0)
            be_partner(line.work, pipes[0], pipes[3], true);
        be_partner(line.work, pipes[2], pipes[1], false);
    }
    std::abort();
}

} // namespace rustland::shares
