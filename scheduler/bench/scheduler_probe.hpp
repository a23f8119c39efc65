// SPDX-License-Identifier: GPL-2.0-only
// Who schedules this machine, and what that costs: read from sysfs and procfs.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace rustland::bench {

// The sched_ext scheduler that is attached, as the kernel says.
struct SchedulerIdentity {
    std::string ops;        // empty: none, the kernel's own scheduler is at work
    std::string enable_seq; // counts attachments, so that a restart in between shows
    bool operator==(const SchedulerIdentity&) const = default;
};
SchedulerIdentity read_scheduler_identity(const std::string& sysfs_root = "/sys");

// A scheduler's process at one moment.
struct SchedulerUsage {
    Nanos at{};
    Nanos cpu{};
    std::uint64_t rss_kib = 0;
    std::uint64_t peak_rss_kib = 0;
};

// The process with this comm (compared by the 15 bytes that the kernel keeps); the lowest pid when
// there are several.
std::optional<Pid> find_by_comm(const std::string& comm, const std::string& proc_root = "/proc");
Result<SchedulerUsage> read_usage(Pid pid, const std::string& proc_root = "/proc");

// The value of a "Key:   123 kB" line of /proc/PID/status.
std::optional<std::uint64_t> status_field(const std::string& status_text, const std::string& key);

// Context switches of the whole machine since boot; 0 when unknown.
std::uint64_t read_context_switches(const std::string& proc_root = "/proc");

} // namespace rustland::bench
