// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rustland {

// Minor and major page faults, out of the text of a thread's /proc/…/stat.
std::optional<std::uint64_t> parse_page_faults(std::string_view stat);

// Of a thread of this process.
std::optional<std::uint64_t> read_page_faults(Pid tid, const std::string& proc_root = "/proc");

// Resident memory of this process in bytes.
std::optional<std::uint64_t> read_resident_bytes(const std::string& proc_root = "/proc");

// Threads of the whole machine that run or wait for a CPU.
std::optional<std::uint64_t> read_runnable(const std::string& proc_root = "/proc");

// CPUs that are online.
std::optional<std::uint64_t> read_online_cpus(const std::string& sys_root = "/sys");

} // namespace rustland
