// SPDX-License-Identifier: GPL-2.0-only
// The graphics devices that a process holds open, from /proc/PID/fd and fdinfo.
#pragma once

#include "supervisor/match/gpu_use.hpp"

#include <string>

namespace rustland::supervisor {

// An empty reading where the process is gone or may not be looked at.
GpuReading read_gpu(const std::string& proc_root, Pid pid);

} // namespace rustland::supervisor
