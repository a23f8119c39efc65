// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

namespace rustland {

// The cgroups (relative to `root`, where cgroup v2 is mounted) that limit CPU time with cpu.max.
std::vector<std::string> cgroups_with_cpu_max(const std::string& root = "/sys/fs/cgroup");

} // namespace rustland
