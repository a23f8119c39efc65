// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/scheduler_owner.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/system/open_files.hpp"
#include "supervisor/system/proc_reader.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland::supervisor {
namespace {

constexpr std::string_view kLink = "anon_inode:bpf_link";
constexpr std::string_view kMap = "anon_inode:bpf-map";
constexpr std::string_view kStructOpsMap = "26"; // BPF_MAP_TYPE_STRUCT_OPS

// The value of "KEY:\tVALUE" at the beginning of a line.
std::string_view value_of(std::string_view text, std::string_view key) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(key))
            continue;
        line.remove_prefix(key.size());
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        return line;
    }
    return {};
}

bool holds_struct_ops(const std::string& proc_root, Pid pid) {
    bool found = false;
    for_each_open_file(proc_root, pid, [&](std::string_view path, const std::string& fdinfo) {
        if (path != kLink && path != kMap)
            return true;
        const auto text = read_file(fdinfo);
        found = text && is_struct_ops_fdinfo(*text);
        return !found;
    });
    return found;
}

} // namespace

bool is_struct_ops_fdinfo(std::string_view text) {
    return value_of(text, "link_type:") == "struct_ops" ||
           value_of(text, "map_type:") == kStructOpsMap;
}

std::string unit_of_cgroup(std::string_view path) {
    // A user's own services are another systemd's.
    if (path.starts_with("/user.slice/"))
        return "";
    const std::string_view last = path.substr(path.rfind('/') + 1);
    return last.ends_with(".service") ? std::string(last) : "";
}

std::optional<SchedulerOwner> find_scheduler_owner(const std::string& proc_root,
                                                   std::string_view ops) {
    const ProcReader proc(proc_root);
    Needs needs;
    needs.cgroup = true;
    std::optional<SchedulerOwner> holder;
    std::optional<SchedulerOwner> service;
    for (const Pid pid : proc.list().value_or({})) {
        const auto info = proc.read(pid, needs, false);
        if (!info)
            continue;
        const SchedulerOwner owner{pid, info->comm, unit_of_cgroup(info->cgroup.value_or(""))};
        const bool named = !info->comm.empty() && ops.starts_with(info->comm);
        if (holds_struct_ops(proc_root, pid)) {
            if (named)
                return owner;
            if (!holder)
                holder = owner;
        } else if (named && !owner.unit.empty()) {
            service = owner;
        }
    }
    // Of a service with a user of its own nothing but the name can be seen without
    // CAP_DAC_READ_SEARCH, which the daemon does without.
    return service ? service : holder;
}

} // namespace rustland::supervisor
