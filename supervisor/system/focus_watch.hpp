// SPDX-License-Identifier: GPL-2.0-only
// Whether the user works with an application or has turned to another one, where the desktop tells:
// Mutter writes the extended attribute user.xdg.inactive-since of an application's cgroup, "-1"
// while it has the focus and else the time at which it lost it.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rustland::supervisor {

// True where the attribute's text says that the application has lost the focus.
bool says_inactive(std::string_view attribute);

class FocusWatch {
  public:
    // `on_change` is called when the attribute of a cgroup that was asked about may be another.
    static Result<std::unique_ptr<FocusWatch>> create(Loop& loop, std::string cgroup_root,
                                                      std::function<void()> on_change);

    // Of a cgroup's path, from "/", or of the ones above it; the nearest that has the attribute
    // decides. Where none has, the application counts as active.
    bool inactive(const std::string& cgroup);

  private:
    FocusWatch(std::string cgroup_root, std::function<void()> on_change)
        : root_(std::move(cgroup_root)), on_change_(std::move(on_change)) {}
    void drain();

    std::string root_;
    std::function<void()> on_change_;
    UniqueFd inotify_;
    Source source_;
};

} // namespace rustland::supervisor
