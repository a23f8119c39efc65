// SPDX-License-Identifier: GPL-2.0-only
// One compile-like job of the build load. The benchmark executes itself for each stage, as a
// compiler driver executes the compiler and the assembler: a new process, a new address space, page
// faults, a pipe and a temporary file.
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::bench {

enum class JobStage { Driver, Compiler, Assembler };

// What a stage needs to know, passed on the command line.
struct JobOrder {
    JobStage stage = JobStage::Driver;
    pid_t parent = 0;
    int counters_fd = -1;
    std::uint64_t slots = 0; // in the counters' file
    std::uint64_t slot = 0;  // ours
    std::uint64_t seed = 0;
    std::uint64_t job = 0;
    std::uint64_t iterations_per_ms = 0;
};

std::vector<std::string> to_arguments(const JobOrder& order);
// Nothing when the arguments (without the program's name) are not a job's.
std::optional<JobOrder> parse_job_order(std::span<char* const> arguments);

// Runs the stage in this process. Returns the exit status.
int run_job(const JobOrder& order);

} // namespace rustland::bench
