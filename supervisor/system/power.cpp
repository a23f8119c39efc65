// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/power.hpp"

#include "rustland/common/file.hpp"

#include <filesystem>
#include <system_error>

namespace rustland::supervisor {
namespace {

// The firmware's names to those of power-profiles-daemon.
std::string profile_name(const std::string& platform) {
    if (platform == "low-power" || platform == "quiet")
        return "power-saver";
    if (platform == "performance" || platform == "balanced")
        return platform;
    return "";
}

} // namespace

PowerState PowerReader::read() const {
    PowerState state;
    bool online = false;
    bool discharging = false;
    bool known = false;
    std::error_code ec;
    for (std::filesystem::directory_iterator it(root_ + "/class/power_supply", ec), end;
         !ec && it != end; it.increment(ec)) {
        const std::string supply = it->path().string();
        const std::string type = read_line(supply + "/type").value_or("");
        // A mouse's battery says nothing about the machine.
        if (read_line(supply + "/scope").value_or("") == "Device")
            continue;
        if (type == "Mains" || type == "USB") {
            online = online || read_line(supply + "/online").value_or("0") == "1";
            known = known || type == "Mains";
        } else if (type == "Battery") {
            known = true;
            discharging =
                discharging || read_line(supply + "/status").value_or("") == "Discharging";
        }
    }
    if (known)
        state.on_battery = discharging && !online;
    state.profile = profile_name(read_line(root_ + "/firmware/acpi/platform_profile").value_or(""));
    return state;
}

} // namespace rustland::supervisor
