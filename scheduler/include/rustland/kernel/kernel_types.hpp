// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <string>
#include <vector>

struct btf;

namespace rustland {

// The sched_ext functions for BPF whose prototype in the kernel's type information (BTF) still
// shows the argument that the verifier passes by itself. A kernel built with a pahole too old for
// it has some, and then no sched_ext scheduler can be loaded. Empty for a sound kernel.
std::vector<std::string> kfuncs_with_hidden_argument(const btf& kernel_types);

// The same for the running kernel. An error where it has no readable type information.
Result<std::vector<std::string>> kfuncs_with_hidden_argument();
// The same for what a file holds, such as /sys/kernel/btf/vmlinux.
Result<std::vector<std::string>> kfuncs_with_hidden_argument(const std::string& file);

} // namespace rustland
