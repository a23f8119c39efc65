// SPDX-License-Identifier: GPL-2.0-only
// Which process keeps a sched_ext scheduler in the kernel. The kernel does not say; but that
// process holds the link, or the map, by which the scheduler is attached, and what an open
// descriptor is can be read in /proc/PID/fdinfo.
#pragma once

#include "supervisor/core/who_runs.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace rustland::supervisor {

// True for the fdinfo of a struct_ops link, or of a struct_ops map. There are few others of these
// than schedulers' (congestion control, HID).
bool is_struct_ops_fdinfo(std::string_view text);

// "scx.service" of "/system.slice/scx.service"; empty for a scope or a slice, which nobody stops to
// end a program, and in a user's slice.
std::string unit_of_cgroup(std::string_view path);

// Looks through the descriptors of all processes, which takes some milliseconds on a desktop. Of
// several holders, the one whose name `ops` begins with; where none is called so, a service that
// is, for its descriptors may be closed to us. Nothing where none is found, which without
// CAP_SYS_PTRACE means little.
std::optional<SchedulerOwner> find_scheduler_owner(const std::string& proc_root,
                                                   std::string_view ops);

} // namespace rustland::supervisor
