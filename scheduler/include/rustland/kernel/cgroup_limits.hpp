// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rustland {

// The cgroups (relative to `root`, where cgroup v2 is mounted) that limit CPU time with cpu.max.
std::vector<std::string> cgroups_with_cpu_max(const std::string& root = "/sys/fs/cgroup");

// The id of a cgroup (its inode number) by its path below `root`. ENOENT: there is none.
Result<std::uint64_t> cgroup_id(const std::string& path,
                                const std::string& root = "/sys/fs/cgroup");

} // namespace rustland
