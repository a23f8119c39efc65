// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include <cerrno>
#include <cstdio>
#include <fmt/core.h>

namespace rustland::vm {

int set_class(const std::string& name, const std::vector<pid_t>& pids) {
    if (name != "ext" && name != "other") {
        fmt::print(stderr, "vm-tasks: no class '{}'\n", name);
        return 2;
    }
    const sched_param parameter{};
    for (const pid_t pid : pids) {
        if (::sched_setscheduler(pid, name == "ext" ? kSchedExt : SCHED_OTHER, &parameter) != 0)
            die("sched_setscheduler", errno);
    }
    return 0;
}

} // namespace rustland::vm
