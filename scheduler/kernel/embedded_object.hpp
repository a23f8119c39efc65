// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <span>

namespace rustland {

// The BPF object file that was compiled with this library.
std::span<const unsigned char> embedded_bpf_object();

} // namespace rustland
