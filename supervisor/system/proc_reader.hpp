// SPDX-License-Identifier: GPL-2.0-only
// /proc to ProcessInfo. Takes any root, so that a test can lay a tree out.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "supervisor/match/matcher.hpp"
#include "supervisor/match/process_info.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

struct ProcStat {
    std::string comm;
    Pid parent;
    std::uint64_t start_time = 0;
    bool kernel_thread = false;
};

// Parents that have just been read, for processes that come by the hundreds from the same ones. An
// entry is good for less time than the kernel needs to give a number out again.
struct AncestorCache {
    static constexpr Nanos kGoodFor = millis(100);
    struct Entry {
        Ancestor ancestor;
        Pid parent;
        Nanos read;
    };
    std::map<Pid, Entry> entries;
};

// /proc/PID/stat; the name may hold any byte, also ") R 1".
Result<ProcStat> parse_proc_stat(std::string_view text);
// /proc/PID/cmdline: arguments with a NUL after each; a process may have written over it.
std::vector<std::string> parse_proc_cmdline(std::string_view text);
// /proc/PID/cgroup: the path of the unified hierarchy.
std::optional<std::string> parse_proc_cgroup(std::string_view text);
// A number after "KEY:" in /proc/PID/status.
std::optional<std::int64_t> parse_proc_status(std::string_view text, std::string_view key);

class ProcReader {
  public:
    explicit ProcReader(std::string root = "/proc") : root_(std::move(root)) {}

    // All thread groups there are.
    [[nodiscard]] Result<std::vector<Pid>> list() const;
    [[nodiscard]] Result<ProcessKey> key(Pid pid) const;
    // What `needs` asks for, and always the name, the parent and the key. With `ancestors` the
    // chain of parents is followed also where no rule asks for it.
    [[nodiscard]] Result<ProcessInfo> read(Pid pid, const Needs& needs, bool ancestors) const;
    // The same, with parents as they were a moment ago. A kernel thread is an error: it is nobody's
    // workload, and most of the processes of an idle machine are that.
    [[nodiscard]] Result<ProcessInfo> read_program(Pid pid, const Needs& needs, bool ancestors,
                                                   AncestorCache& cache, Nanos now) const;
    // The children of all threads, where the kernel lists them.
    [[nodiscard]] std::vector<Pid> children(Pid pid) const;
    // The real user of a process; nothing where it is gone.
    [[nodiscard]] std::optional<uid_t> user(Pid pid) const;
    // The thread group that a thread belongs to.
    [[nodiscard]] Result<Pid> thread_group(Pid tid) const;

    [[nodiscard]] const std::string& root() const { return root_; }

  private:
    [[nodiscard]] Result<ProcessInfo> read_with(Pid pid, const Needs& needs, bool ancestors,
                                                AncestorCache* cache, Nanos now) const;

    std::string root_;
};

// A descriptor that becomes readable when the process ends; the number is not used again before.
Result<UniqueFd> open_pidfd(Pid pid);

} // namespace rustland::supervisor
