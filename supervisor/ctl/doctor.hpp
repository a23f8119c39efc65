// SPDX-License-Identifier: GPL-2.0-only
// Whether this machine can run the scheduler, point by point, with what to do.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

struct Finding {
    enum class Verdict { Good, Note, Bad };
    Verdict verdict = Verdict::Good;
    std::string subject;
    std::string text;
    std::string advice; // where something is to be done
};

struct DoctorOptions {
    std::string root; // before /sys, /proc, /etc …
    std::string socket = "/run/rustland/control.sock";
    std::string scheduler = "/usr/sbin/rustland";
};

std::vector<Finding> examine(const DoctorOptions& options);

// From the daemon's own status: failures, what it refused, what it waits for. `now_ms`: of the wall
// clock, since 1970.
std::vector<Finding> daemon_findings(const nlohmann::json& status, std::int64_t now_ms);
// Where the daemon has refused the mistake that the configuration on the disk has, it is told once.
void tell_mistakes_once(std::vector<Finding>& findings);
// From "runs" of that status, or of what was found without a daemon.
Finding who_runs_finding(const nlohmann::json& runs);
// What it means that rustland.service is enabled, or not, with what is on now; `runs` as above.
Finding unit_finding(bool enabled, const nlohmann::json& runs);

// What to do to have a kernel with sched_ext, by the text of os-release(5) and the machine's name
// ("x86_64", "aarch64").
std::string kernel_to_boot(const std::string& os_release, std::string_view machine);
// The same of this machine.
std::string kernel_to_boot(const std::string& root);

} // namespace rustland::supervisor
