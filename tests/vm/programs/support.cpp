// SPDX-License-Identifier: GPL-2.0-only
#include "support.hpp"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fmt/core.h>
#include <unistd.h>

namespace rustland::vm {

void die(const char* what, int error) {
    fmt::print(stderr, "vm-tasks: {}: {}\n", what, std::strerror(error));
    std::_Exit(2);
}

void work(std::uint64_t iterations) {
    for (std::uint64_t i = 0; i < iterations; ++i)
        __asm__ volatile("" ::: "memory");
}

void sleep_for(Nanos span) {
    timespec left{static_cast<time_t>(span.value / 1'000'000'000),
                  static_cast<long>(span.value % 1'000'000'000)};
    while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

pid_t thread_id() { return ::gettid(); }

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0)
        die("sched_getaffinity", errno);
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(static_cast<std::size_t>(cpu), &set))
            cpus.push_back(cpu);
    }
    return cpus;
}

bool set_affinity(pid_t tid, const cpu_set_t& cpus) {
    if (::sched_setaffinity(tid, sizeof(cpus), &cpus) == 0)
        return true;
    if (errno != ESRCH)
        die("sched_setaffinity", errno);
    return false;
}

bool bind_to(pid_t tid, int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    return set_affinity(tid, set);
}

pthread_t start_thread(void* (*body)(void*), void* argument) {
    constexpr std::size_t kStack = 32768;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStack);
    pthread_t thread{};
    const int error = pthread_create(&thread, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        die("pthread_create", error);
    return thread;
}

} // namespace rustland::vm
