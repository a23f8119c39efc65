// SPDX-License-Identifier: GPL-2.0-only
#include "exit_report.hpp"

#include "rustland/common/log.hpp"
#include "rustland_abi.h"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace rustland {
namespace {

// "reason: message", or what there is of the two.
std::string kernel_words(const ExitInfo& info) {
    if (info.message.empty() || info.message == info.reason)
        return info.reason.empty() ? "no reason given" : info.reason;
    return info.reason.empty() ? info.message : info.reason + ": " + info.message;
}

ExitReport report_error(const ExitInfo& info) {
    ExitReport report;
    report.error = true;
    if (info.kind == ExitInfo::kErrorStall) {
        report.code = ExitCode::Watchdog;
        report.line = fmt::format("ejected by the kernel's watchdog ({}); the kernel's own "
                                  "scheduler runs again. Please report the dump as a bug",
                                  kernel_words(info));
    } else {
        report.code = ExitCode::BpfError;
        report.line = fmt::format("ejected by the kernel, error kind {} ({}); the kernel's own "
                                  "scheduler runs again. Please report the dump as a bug",
                                  info.kind, kernel_words(info));
    }
    return report;
}

} // namespace

ExitReport report_exit(const ExitInfo& info, bool asked) {
    if (info.kind >= ExitInfo::kError)
        return report_error(info);
    if (asked || !info.ended())
        return {ExitCode::Stopped, "stopped; the kernel's own scheduler runs again"};
    if ((info.code & ExitInfo::kActionRestart) != 0)
        return {ExitCode::Restart,
                fmt::format("the kernel asks for a restart ({})", kernel_words(info)), false, true};
    if (info.kind == ExitInfo::kSysRq)
        return {ExitCode::SysRq, "ended by SysRq-S; the kernel's own scheduler runs again"};
    if (info.kind == ExitInfo::kUnregisteredByBpf && info.code == RL_EXIT_LEASE)
        return {ExitCode::Silent,
                fmt::format("left by itself ({}); the kernel's own scheduler runs again",
                            kernel_words(info)),
                true};
    return {ExitCode::Detached, fmt::format("detached by another program or the kernel, kind {} "
                                            "code {:#x} ({}); the kernel's own scheduler runs "
                                            "again",
                                            info.kind, info.code, kernel_words(info))};
}

void log_exit(const ExitReport& report, const ExitInfo& info) {
    // The log cleans it: the names of tasks are in it, which their owners choose.
    const std::string_view dump =
        std::string_view(info.dump).substr(0, info.dump.find_last_not_of('\n') + 1);
    if (report.error && !dump.empty())
        log::error("the kernel's dump:\n{}", dump);
    if (report.error)
        log::error("{}", report.line);
    else if (report.code == ExitCode::Stopped)
        log::info("{}", report.line);
    else
        log::warn("{}", report.line);
}

bool RestartLimit::allow(Nanos now) {
    const auto old = [&](Nanos at) { return now - at > within_; };
    restarts_.erase(std::remove_if(restarts_.begin(), restarts_.end(), old), restarts_.end());
    if (restarts_.size() >= most_)
        return false;
    restarts_.push_back(now);
    return true;
}

} // namespace rustland
