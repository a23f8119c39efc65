// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/power.hpp"

#include "rustland/common/file.hpp"

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace rustland::supervisor {
namespace {

struct ProfileName {
    std::string_view firmware;
    std::string_view ours;
};

// The firmware's names, by what the kernel's description of platform_profile says they mean, to
// those of power-profiles-daemon. "custom" is whatever else is told: it is none of the three, so a
// rule for one of them does not apply.
std::string profile_name(std::string_view platform) {
    constexpr std::array<ProfileName, 8> names{{{"low-power", "power-saver"},
                                                {"cool", "power-saver"},
                                                {"quiet", "power-saver"},
                                                {"balanced", "balanced"},
                                                {"balanced-performance", "balanced"},
                                                {"performance", "performance"},
                                                {"max-power", "performance"},
                                                {"", ""}}};
    for (const ProfileName& name : names)
        if (name.firmware == platform)
            return std::string(name.ours);
    return "custom";
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
