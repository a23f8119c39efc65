// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

#include <string>

namespace rustland::supervisor {

// Held by the one daemon that may start and stop schedulers from this folder, as long as the
// descriptor lives; the kernel gives it back however the daemon ends. An error where another one
// holds it.
Result<UniqueFd> lock_instance(const std::string& path);

} // namespace rustland::supervisor
