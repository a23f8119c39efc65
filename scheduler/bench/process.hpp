// SPDX-License-Identifier: GPL-2.0-only
// Child processes that cannot outlive us.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>

namespace rustland::bench {

// In a child, first thing: die when the parent does. Ends the process if the parent, whose pid it
// was told, is gone already.
void die_with_parent(pid_t parent);

// The name under which a process or thread shows in ps (15 bytes).
void set_comm(const char* name);

// Where a process runs, with all that it starts.
struct Placement {
    bool own_session = false; // setsid: where autogroup is on, a group of its own
    std::string cgroup;       // folder of a control group; empty: its parent's
};

// A child that leads its own process group. Destroying it kills the whole group and reaps it; if we
// are killed ourselves, the kernel kills the leader, and each process of the group that called
// die_with_parent() follows its own parent.
class ProcessGroup {
  public:
    // Forks; the child runs body and exits with what it returns. The caller must have one thread
    // only. The child starts with no signal blocked and default handlers.
    // Returns when the child is where `place` says.
    static Result<ProcessGroup> start(const char* comm, const std::function<int()>& body,
                                      const Placement& place = {});

    ProcessGroup() = default;
    ProcessGroup(ProcessGroup&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)), reaped_(std::exchange(other.reaped_, true)) {}
    ProcessGroup& operator=(ProcessGroup&& other) noexcept {
        if (this != &other) {
            kill_and_reap();
            pid_ = std::exchange(other.pid_, 0);
            reaped_ = std::exchange(other.reaped_, true);
        }
        return *this;
    }
    ProcessGroup(const ProcessGroup&) = delete;
    ProcessGroup& operator=(const ProcessGroup&) = delete;
    ~ProcessGroup() { kill_and_reap(); }

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Whether the leader has exited; if so, its wait status (see wait(2)) is in `status`.
    bool has_exited(int& status);
    void kill_and_reap();

  private:
    explicit ProcessGroup(pid_t pid) : pid_(pid), reaped_(false) {}

    pid_t pid_ = 0;
    bool reaped_ = true; // the leader was waited for: its pid is no longer ours
};

// "exited with status 3", "killed by signal 9 (Killed)".
std::string describe_wait_status(int status);

// Forks a plain member of our group, which runs body and exits with what it returns; it dies with
// us. Returns its pid.
Result<pid_t> fork_member(const char* comm, const std::function<int()>& body);

// Waits for exactly this child. Success is exit status 0.
Status wait_for_success(pid_t pid, const std::string& what);

} // namespace rustland::bench
