// SPDX-License-Identifier: GPL-2.0-only
// The control groups of a configuration, in /sys/fs/cgroup.
#pragma once

#include "rustland/common/result.hpp"
#include "shares/description.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::shares {

// Makes them, and removes them in the end; by then they should be empty.
class Cgroups {
  public:
    // Fails if one of that name is there already, or the cpu controller is not to be had. What was
    // made until then is removed.
    static Result<Cgroups> create(const std::vector<Group>& groups);

    Cgroups() = default;
    Cgroups(Cgroups&& other) noexcept : made_(std::move(other.made_)) { other.made_.clear(); }
    Cgroups& operator=(Cgroups&&) = delete;
    Cgroups(const Cgroups&) = delete;
    Cgroups& operator=(const Cgroups&) = delete;
    ~Cgroups();

    // Puts the calling process (pid 0) or another one into a group.
    static Status enter(const std::string& path, pid_t pid);
    // The CPU time of all tasks that have been in it or in a group in it.
    static Result<Nanos> cpu_time(const std::string& path);

  private:
    std::vector<std::string> made_; // parents before children
};

} // namespace rustland::shares
