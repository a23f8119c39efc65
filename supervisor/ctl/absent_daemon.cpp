// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/absent_daemon.hpp"

#include "rustland/common/file.hpp"
#include "supervisor/config/load.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>

namespace rustland::supervisor {

DaemonAbsence look_for_daemon(const std::string& root) {
    constexpr std::array<std::string_view, 4> folders{
        "/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system"};
    DaemonAbsence absence;
    absence.systemd = path_exists(root + "/run/systemd/system");
    absence.installed = std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) {
        return path_exists(fmt::format("{}{}/rustlandd.service", root, folder));
    });
    absence.enabled =
        path_exists(root + "/etc/systemd/system/multi-user.target.wants/rustlandd.service");
    ConfigPaths paths;
    for (std::string* path : {&paths.main_file, &paths.vendor_dir, &paths.admin_dir})
        *path = root + *path;
    const BuiltConfig built = load_config(find_config_files(paths), system_user);
    if (!built.problems.empty()) {
        absence.mistake = built.problems.front().message();
        absence.more_mistakes = static_cast<int>(built.problems.size()) - 1;
    }
    return absence;
}

std::string what_is_absent(const DaemonAbsence& absence) {
    if (absence.mistake.empty())
        return "rustlandd does not run";
    return fmt::format("rustlandd does not run, and cannot with a mistake in its configuration: "
                       "{}{}",
                       absence.mistake,
                       absence.more_mistakes == 0 ? ""
                                                  : fmt::format(" (and {} more: rustlandctl check)",
                                                                absence.more_mistakes));
}

std::string how_to_have_it(const DaemonAbsence& absence) {
    std::string command = "run rustlandd as root";
    if (absence.systemd && absence.installed)
        // One that is enabled was started with the machine, and has ended since.
        command = absence.enabled
                      ? "sudo systemctl restart rustlandd (why it ended: systemctl "
                        "status rustlandd; refused as started too often: sudo systemctl "
                        "reset-failed rustlandd first)"
                      : "sudo systemctl enable --now rustlandd";
    else if (absence.systemd)
        command = "install the package that has rustlandd and its unit";
    return absence.mistake.empty() ? command : "correct that, then " + command;
}

std::string no_daemon(const std::string& socket) {
    if (socket != kDaemonSocket)
        return fmt::format("rustlandd does not answer on {} (without --socket it is {})", socket,
                           kDaemonSocket);
    const DaemonAbsence absence = look_for_daemon();
    return fmt::format("{}; {}", what_is_absent(absence), how_to_have_it(absence));
}

} // namespace rustland::supervisor
