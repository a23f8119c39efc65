// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/memory.hpp"

#include "rustland/common/file.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <utility>

namespace rustland {
namespace {

// To what is allowed without privileges at least; with CAP_IPC_LOCK the limit does not matter.
void raise_memlock_limit() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
        return;
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_MEMLOCK, &limit);
    }
}

} // namespace

void prepare_allocator() {
#ifdef __GLIBC__
    ::mallopt(M_ARENA_MAX, 1);
    // A fixed threshold also keeps glibc from raising it, after which large blocks stay in the
    // heap.
    ::mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

Result<LockedMemory> LockedMemory::lock() {
    raise_memlock_limit();
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        const auto error = Error::from_errno("locking the memory");
        return Error(error.message() + ": grant CAP_IPC_LOCK or raise the limit on locked memory "
                                       "(ulimit -l, LimitMEMLOCK=)",
                     error.code());
    }
    return LockedMemory();
}

LockedMemory::LockedMemory(LockedMemory&& other) noexcept
    : locked_(std::exchange(other.locked_, false)) {}

LockedMemory::~LockedMemory() {
    if (locked_)
        ::munlockall();
}

Result<SysctlOverride> SysctlOverride::set(const std::string& path, const std::string& value) {
    auto old = read_line(path);
    if (!old)
        return old.error();
    if (*old == value)
        return SysctlOverride("", "");
    if (auto done = write_file(path, value); !done)
        return done.error();
    return SysctlOverride(path, *old);
}

SysctlOverride::SysctlOverride(SysctlOverride&& other) noexcept
    : path_(std::exchange(other.path_, {})), old_(std::move(other.old_)) {}

SysctlOverride::~SysctlOverride() {
    // Nobody is left to tell if this fails; the value that stays is harmless.
    if (!path_.empty())
        static_cast<void>(write_file(path_, old_));
}

} // namespace rustland
