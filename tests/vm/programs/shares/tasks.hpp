// SPDX-License-Identifier: GPL-2.0-only
// What the tasks do, each in a process of its own.
#pragma once

#include "shares/description.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/types.h>

namespace rustland::shares {

// Memory that a task shares with the process that measures it.
struct alignas(64) Slot {
    std::atomic<pid_t> pid{0};                 // set when the task is ready to begin
    std::atomic<std::uint64_t> children_ns{0}; // CPU time of its children that have ended
};

// How many processes, and slots, one task of a line has.
std::size_t slots_of(const TaskLine& line);

// In the child for slot `index` of a task: applies nice value, class and CPUs, reports itself
// ready, waits until the gate (the reading end of a pipe) is closed, and works until it is killed.
// `pipes` are the four ends of a pair's two pipes. Ends the process with status 1 and a line on
// standard error when something fails.
[[noreturn]] void be_task(const TaskLine& line, std::size_t index, Slot& slot, int gate,
                          std::span<const int> pipes);

} // namespace rustland::shares
