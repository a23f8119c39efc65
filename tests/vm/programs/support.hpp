// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"

#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <sys/types.h>
#include <vector>

namespace rustland::vm {

// SCHED_EXT of linux/sched.h.
inline constexpr int kSchedExt = 7;

// Computes for a number of loop iterations, about a nanosecond each.
void work(std::uint64_t iterations);

void sleep_for(Nanos span);

pid_t thread_id();

// The CPUs that this program may use.
std::vector<int> allowed_cpus();

// False if the task is gone; any other failure ends the program.
bool set_affinity(pid_t tid, const cpu_set_t& cpus);
bool bind_to(pid_t tid, int cpu);

// A thread with as little stack as there may be, so that thousands fit.
pthread_t start_thread(void* (*body)(void*), void* argument);

// xorshift: the same numbers in every run.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 2654435761U + 88172645463325252ULL) {}
    std::uint64_t below(std::uint64_t limit) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ % limit;
    }

  private:
    std::uint64_t state_;
};

// Prints what was tried and errno, and ends the program.
[[noreturn]] void die(const char* what, int error);

} // namespace rustland::vm
