// SPDX-License-Identifier: GPL-2.0-only
// Where game, load and desktop run in each setup: sessions and control groups.
#pragma once

#include "bench/cell.hpp"
#include "bench/process.hpp"
#include "rustland/common/result.hpp"

#include <string>
#include <vector>

namespace rustland::bench {

// The control groups of a setup, as paths below the folder that holds them all. Those with the cpu
// controller are groups to the scheduler.
struct GroupTree {
    std::vector<std::string> folders;    // in the order in which they are made
    std::vector<std::string> controlled; // folders whose children get the cpu controller
    std::string game;                    // empty: no group
    std::string load;
    std::string desktop;
};
GroupTree group_tree(Setup setup);

// Makes the groups that the setup needs and removes them at the end, when all processes in them
// must be gone. Control groups need root.
class Places {
  public:
    // Checks that the machine can do it: autogroup is on for sessions, control groups (version 2)
    // have the cpu controller. `cgroup_root` and `autogroup` are where the kernel has them.
    static Result<Places>
    create(Setup setup, const std::string& cgroup_root = "/sys/fs/cgroup",
           const std::string& autogroup = "/proc/sys/kernel/sched_autogroup_enabled");
    Places(Places&& other) noexcept;
    Places& operator=(Places&&) = delete;
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;
    ~Places();

    [[nodiscard]] Placement game() const { return place(tree_.game); }
    [[nodiscard]] Placement load() const { return place(tree_.load); }
    // Always apart from game and load.
    [[nodiscard]] Placement desktop() const;

  private:
    explicit Places(Setup setup) : setup_(setup), tree_(group_tree(setup)) {}
    [[nodiscard]] Placement place(const std::string& folder) const;
    Status make_groups(const std::string& cgroup_root);

    Setup setup_;
    GroupTree tree_;
    std::string base_;              // the folder that holds all groups; empty: none
    std::vector<std::string> made_; // absolute paths, to be removed from the last to the first
    std::string controlled_root_;   // where the cpu controller was switched on; empty: it was on
};

} // namespace rustland::bench
