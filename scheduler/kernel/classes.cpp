// SPDX-License-Identifier: GPL-2.0-only
// The tables of classes; see bpf/class.bpf.h for how tasks find theirs in them.
#include "rustland/kernel/bpf_scheduler.hpp"

#include <atomic>
#include <bpf/bpf.h>
#include <cerrno>
#include <csignal>

namespace rustland {
namespace {

static_assert(static_cast<int>(TaskClass::Normal) == RL_CLASS_NORMAL);
static_assert(static_cast<int>(TaskClass::Foreground) == RL_CLASS_FOREGROUND);
static_assert(static_cast<int>(TaskClass::Background) == RL_CLASS_BACKGROUND);

// Deletes every entry. A key that vanishes meanwhile (its process ended) is no error.
void clear(int map) {
    std::int32_t key = 0;
    while (bpf_map_get_next_key(map, nullptr, &key) == 0) {
        if (bpf_map_delete_elem(map, &key) != 0 && errno != ENOENT)
            return;
    }
}

// Tasks look their class up again when they find the number changed; never 0, which means that no
// class was ever set.
void publish(rl_control& control) {
    std::atomic_ref<std::uint32_t> generation(control.class_generation);
    if (generation.fetch_add(1, std::memory_order_release) + 1 == 0)
        generation.store(1, std::memory_order_release);
}

} // namespace

Status BpfScheduler::set_process_classes(std::span<const ClassedProcess> processes) {
    if (processes.size() > RL_MAX_CLASSED_PROCESSES)
        return Error("more than " + std::to_string(RL_MAX_CLASSED_PROCESSES) +
                         " processes with a class",
                     E2BIG);
    clear(process_classes_fd_);
    Status done;
    for (const ClassedProcess& process : processes) {
        const auto value = static_cast<std::uint32_t>(process.task_class) |
                           (process.alone ? std::uint32_t{RL_CLASS_ALONE} : 0);
        if (bpf_map_update_elem(process_classes_fd_, &process.tgid.value, &value, BPF_ANY) != 0)
            done = Error::from_errno("setting the class of a process");
        // One that ended before it was entered is never taken out by the kernel side.
        else if (::kill(process.tgid.value, 0) != 0 && errno == ESRCH)
            bpf_map_delete_elem(process_classes_fd_, &process.tgid.value);
    }
    publish(*control_);
    return done;
}

Status BpfScheduler::set_cgroup_class(std::uint64_t id, TaskClass task_class) {
    const auto value = static_cast<std::uint32_t>(task_class);
    if (bpf_map_update_elem(cgroup_classes_fd_, &id, &value, BPF_ANY) != 0)
        return Error::from_errno("setting the class of a cgroup");
    publish(*control_);
    return {};
}

} // namespace rustland
