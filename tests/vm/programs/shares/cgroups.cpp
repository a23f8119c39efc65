// SPDX-License-Identifier: GPL-2.0-only
#include "shares/cgroups.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "shares/words.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace rustland::shares {
namespace {

std::string file(const std::string& path, std::string_view name) {
    return fmt::format("/sys/fs/cgroup{}{}/{}", path.empty() ? "" : "/", path, name);
}

Status put(const std::string& path, std::string_view name, const std::string& text) {
    return write_file(file(path, name), text);
}

Status set_up(const Group& group) {
    Status status;
    if (group.weight)
        status = put(group.path, "cpu.weight", std::to_string(*group.weight));
    if (status && group.nice)
        status = put(group.path, "cpu.weight.nice", std::to_string(*group.nice));
    if (status && group.idle)
        status = put(group.path, "cpu.idle", "1");
    if (status && group.max) {
        const std::int64_t period = group.max->period.value / 1000;
        status = put(group.path, "cpu.max",
                     fmt::format("{} {}", period * group.max->percent / 100, period));
        if (status && group.max->burst > Nanos{})
            status =
                put(group.path, "cpu.max.burst", std::to_string(group.max->burst.value / 1000));
    }
    return status;
}

// A group's kind is its parent's decision: whether groups in it have the cpu controller.
Status make(const Group& group) {
    const std::string path = file(group.path, "");
    if (group.kind == GroupKind::cgroup)
        if (auto status = put(parent_of(group.path), "cgroup.subtree_control", "+cpu"); !status)
            return status;
    if (::mkdir(path.c_str(), 0755) != 0)
        return Error::from_errno(fmt::format("cannot make the control group {}", path));
    return {};
}

// Its last tasks may still be on their way out.
void remove(const std::string& path) {
    const std::string folder = file(path, "");
    const Nanos deadline = monotonic_now() + seconds(10);
    while (::rmdir(folder.c_str()) != 0 && errno == EBUSY && monotonic_now() < deadline)
        ::usleep(10'000);
}

} // namespace

Result<Cgroups> Cgroups::create(const std::vector<Group>& groups) {
    Cgroups made;
    for (const Group& group : groups) {
        if (group.kind == GroupKind::session)
            continue;
        if (auto status = make(group); !status)
            return status.error();
        made.made_.push_back(group.path);
        if (auto status = set_up(group); !status)
            return status.error();
    }
    return made;
}

Cgroups::~Cgroups() { std::for_each(made_.rbegin(), made_.rend(), remove); }

Status Cgroups::enter(const std::string& path, pid_t pid) {
    return put(path, "cgroup.procs", std::to_string(pid));
}

Result<Nanos> Cgroups::cpu_time(const std::string& path) {
    const auto text = read_file(file(path, "cpu.stat"));
    if (!text)
        return text.error();
    constexpr std::string_view kName = "usage_usec ";
    for (const std::string_view line : lines_of(*text)) {
        if (!line.starts_with(kName))
            continue;
        std::int64_t us = 0;
        std::from_chars(line.data() + kName.size(), line.data() + line.size(), us);
        return micros(us);
    }
    return Error(fmt::format("{} has no usage_usec", file(path, "cpu.stat")));
}

} // namespace rustland::shares
