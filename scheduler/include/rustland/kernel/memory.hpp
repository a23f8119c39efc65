// SPDX-License-Identifier: GPL-2.0-only
// No page fault after attach: the thread that would have to be scheduled for it may be waiting for
// us.
#pragma once

#include "rustland/common/result.hpp"

#include <string>

namespace rustland {

// Sets the allocator up so that little memory has to be locked: one arena, and large blocks go back
// to the kernel when they are freed. At the start of main, before other threads.
void prepare_allocator();

// All memory of the process, present and future, is in RAM for as long as this lives. Loading needs
// far more memory than running: lock after that.
class LockedMemory {
  public:
    static Result<LockedMemory> lock();
    LockedMemory(LockedMemory&& other) noexcept;
    LockedMemory& operator=(LockedMemory&&) = delete;
    LockedMemory(const LockedMemory&) = delete;
    LockedMemory& operator=(const LockedMemory&) = delete;
    ~LockedMemory();

  private:
    LockedMemory() = default;
    bool locked_ = true;
};

// Sets a sysctl to another value and restores the old one.
class SysctlOverride {
  public:
    // `path`: its file under /proc/sys. Not changed, and nothing restored, if it has the value
    // already.
    static Result<SysctlOverride> set(const std::string& path, const std::string& value);
    SysctlOverride(SysctlOverride&& other) noexcept;
    SysctlOverride& operator=(SysctlOverride&&) = delete;
    SysctlOverride(const SysctlOverride&) = delete;
    SysctlOverride& operator=(const SysctlOverride&) = delete;
    ~SysctlOverride();

  private:
    SysctlOverride(std::string path, std::string old)
        : path_(std::move(path)), old_(std::move(old)) {}
    std::string path_; // empty: nothing to restore
    std::string old_;
};

} // namespace rustland
