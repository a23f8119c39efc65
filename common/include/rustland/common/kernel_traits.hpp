// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rustland {

// What this kernel was built or booted with that can keep a sched_ext scheduler from loading or
// attaching. The kernel itself answers a bare EINVAL. Each is a line with what to do, or empty
// where it is not so.
struct KernelTraits {
    std::string lockdown;      // lockdown=confidentiality
    std::string realtime;      // PREEMPT_RT
    std::string isolated_cpus; // isolcpus= that takes CPUs out of the scheduling domains
};

// `proc` and `sys`: where these file systems are.
KernelTraits read_kernel_traits(const std::string& proc, const std::string& sys);

} // namespace rustland
