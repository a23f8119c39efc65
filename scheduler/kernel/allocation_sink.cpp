// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/allocation_sink.hpp"

namespace rustland {

thread_local constinit Counter* allocation_sink = nullptr;

} // namespace rustland
