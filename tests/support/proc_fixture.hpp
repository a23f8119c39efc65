// SPDX-License-Identifier: GPL-2.0-only
// A directory that plays /proc and /sys, with as many processes as a test lays out.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"
#include "support/temp_dir.hpp"

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

namespace rustland::test {

struct FakeProcess {
    int pid = 0;
    int parent = 1;
    std::string comm;
    std::vector<std::string> argv;
    std::string cgroup = "/user.slice";
    std::string exe;
    std::uint64_t start_time = 100;
    unsigned uid = 4711;
};

class ProcFixture {
  public:
    ProcFixture() {
        add({1, 0, "init", {"/sbin/init"}, "/init.scope", "", 1, 0});
        kernel("disabled", "", 0);
    }

    [[nodiscard]] std::string proc() const { return dir_.path("proc"); }
    [[nodiscard]] std::string sysfs() const { return dir_.path("sys"); }
    [[nodiscard]] std::string sched_ext() const { return dir_.path("sys/kernel/sched_ext"); }
    [[nodiscard]] const TempDir& dir() const { return dir_; }

    void add(const FakeProcess& p) const {
        const std::string base = "proc/" + std::to_string(p.pid) + "/";
        std::string stat =
            std::to_string(p.pid) + " (" + p.comm + ") S " + std::to_string(p.parent);
        for (int field = 5; field <= 21; ++field)
            stat += " 0";
        stat += " " + std::to_string(p.start_time);
        for (int field = 23; field <= 52; ++field)
            stat += " 0";
        dir_.write(base + "stat", stat + "\n");
        std::string cmdline;
        for (const std::string& word : p.argv)
            cmdline += word + '\0';
        dir_.write(base + "cmdline", cmdline);
        dir_.write(base + "cgroup", "1:cpu:/x\n0::" + p.cgroup + "\n");
        const std::string uid = std::to_string(p.uid);
        dir_.write(base + "status", "Name:\t" + p.comm + "\nTgid:\t" + std::to_string(p.pid) +
                                        "\nUid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid +
                                        "\n");
        dir_.write(base + "task/" + std::to_string(p.pid) + "/children", "");
        if (!p.exe.empty()) {
            std::filesystem::remove(dir_.path(base + "exe"));
            std::filesystem::create_symlink(p.exe, dir_.path(base + "exe"));
        }
    }

    void children(int pid, const std::string& list) const {
        const std::string number = std::to_string(pid);
        dir_.write("proc/" + number + "/task/" + number + "/children", list);
    }

    // An open file of a process, and what its driver tells of it.
    void open_file(int pid, int fd, const std::string& path, const std::string& fdinfo) const {
        const std::string base = "proc/" + std::to_string(pid) + "/";
        const std::string link = dir_.path(base + "fd/" + std::to_string(fd));
        dir_.write(base + "fdinfo/" + std::to_string(fd), fdinfo);
        std::filesystem::create_directories(dir_.path(base + "fd"));
        std::filesystem::remove(link);
        std::filesystem::create_symlink(path, link);
    }

    // The process ends: its directory goes and whoever holds its pidfd is told.
    void end(int pid) {
        std::filesystem::remove_all(dir_.path("proc/" + std::to_string(pid)));
        const auto it = pidfds_.find(pid);
        if (it == pidfds_.end())
            return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t n = ::write(it->second.get(), &one, sizeof(one));
        pidfds_.erase(it);
    }

    // Plays pidfd_open().
    Result<UniqueFd> open_pidfd(Pid pid) {
        if (!std::filesystem::exists(dir_.path("proc/" + std::to_string(pid.value))))
            return Error::from_code("pidfd", ESRCH);
        UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        UniqueFd copy(::dup(fd.get()));
        pidfds_[pid.value] = std::move(fd);
        return copy;
    }

    void kernel(const std::string& state, const std::string& ops, int seq) const {
        dir_.write("sys/kernel/sched_ext/state", state + "\n");
        dir_.write("sys/kernel/sched_ext/enable_seq", std::to_string(seq) + "\n");
        std::filesystem::remove_all(dir_.path("sys/kernel/sched_ext/root"));
        if (!ops.empty())
            dir_.write("sys/kernel/sched_ext/root/ops", ops + "\n");
    }

  private:
    TempDir dir_;
    std::map<int, UniqueFd> pidfds_;
};

} // namespace rustland::test
