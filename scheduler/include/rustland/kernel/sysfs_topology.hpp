// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/core/topology.hpp"

#include <string>

namespace rustland {

// Reads what sysfs, mounted at `sys_root`, tells about the CPUs. What a kernel or a machine does
// not tell is left out; only a machine without any CPU is an error.
Result<Topology> read_topology(const std::string& sys_root = "/sys");

} // namespace rustland
