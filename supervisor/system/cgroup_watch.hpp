// SPDX-License-Identifier: GPL-2.0-only
// Tells when a cgroup of interest appears or gets its first process (cgroup v2, inotify).
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rustland::supervisor {

// The thread groups in one cgroup.
std::vector<Pid> cgroup_processes(const std::string& root, const std::string& path);

class CgroupWatch {
  public:
    // `wanted` says whether a cgroup's path ("/user.slice/…") is of interest; `appeared` is called
    // with it when it may hold new processes.
    static Result<std::unique_ptr<CgroupWatch>>
    create(Loop& loop, std::string root, std::function<bool(const std::string&)> wanted,
           std::function<void(const std::string&)> appeared);

    [[nodiscard]] std::size_t watches() const { return paths_.size(); }

  private:
    CgroupWatch(std::string root, std::function<bool(const std::string&)> wanted,
                std::function<void(const std::string&)> appeared)
        : root_(std::move(root)), wanted_(std::move(wanted)), appeared_(std::move(appeared)) {}
    void read();
    // Watches a cgroup and those below it.
    void add(const std::string& path, int depth);
    void forget(std::map<int, std::string>::iterator watch);

    std::string root_;
    std::function<bool(const std::string&)> wanted_;
    std::function<void(const std::string&)> appeared_;
    UniqueFd fd_;
    Source source_;
    std::map<std::string, std::size_t> watches_of_; // by user's slice
    std::map<int, std::string> paths_; // by watch; those of cgroup.events end in that name
};

} // namespace rustland::supervisor
