// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rustland {

// Whether this program counts allocator calls: not with a C library other than glibc, and not with
// sanitizers, which bring their own allocator.
bool counts_allocations();

} // namespace rustland
