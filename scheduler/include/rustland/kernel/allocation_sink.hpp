// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/core/counters.hpp"

namespace rustland {

// The allocator calls of a thread are counted here while this is set. Only a program that links
// allocation_hooks.cpp counts them.
extern thread_local constinit Counter* allocation_sink;

} // namespace rustland
