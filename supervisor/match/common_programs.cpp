// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/common_programs.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace rustland::supervisor {
namespace {

// "python3.11" is python.
std::string_view without_version(std::string_view name) {
    const std::size_t end = name.find_last_not_of("0123456789.-");
    return end == std::string_view::npos ? name : name.substr(0, end + 1);
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

} // namespace

const std::vector<CommonPrograms>& common_programs() {
    static const std::vector<CommonPrograms> groups{
        {"is a shell", {"sh", "bash", "dash", "zsh", "fish", "ksh", "tcsh", "busybox", "cmd.exe"}},
        {"runs programs of all kinds",
         {"python", "perl", "ruby", "node", "java", "javaw", "mono", "dotnet", "lua", "luajit",
          "php", "electron", "qemu-system-x86_64", "docker", "podman"}},
        {"runs Windows programs of all kinds",
         {"wine", "wine64", "wine-preloader", "wine64-preloader", "wine-staging", "wineserver",
          "explorer.exe", "services.exe", "winedevice.exe", "start.exe", "umu.exe"}},
        {"starts other programs",
         {"steam",
          "steam.exe",
          "reaper",
          "steam-launch-wrapper",
          "proton",
          "srt-bwrap",
          "bwrap",
          "pv-bwrap",
          "pressure-vessel-wrap",
          "lutris",
          "lutris-wrapper",
          "heroic",
          "bottles",
          "gamemoderun",
          "mangohud",
          "flatpak",
          "snap",
          "env",
          "sudo",
          "su",
          "nice",
          "timeout",
          "rustlandctl",
          "xdg-open"}},
        {"is a part of the desktop",
         {"gnome-shell", "kwin_wayland", "kwin_x11", "plasmashell", "mutter", "cinnamon", "xfwm4",
          "Xorg", "Xwayland", "sway", "Hyprland", "weston", "labwc", "gamescope", "pipewire",
          "pipewire-pulse", "pulseaudio", "wireplumber"}},
        {"is a part of the system",
         {"systemd", "init", "dbus-daemon", "dbus-broker", "sshd", "login", "cron", "getty",
          "agetty", "rustland", "rustlandd"}}};
    return groups;
}

const char* common_program(std::string_view name) {
    for (const CommonPrograms& group : common_programs())
        for (const std::string_view common : group.names)
            if (name == common || without_version(name) == common ||
                (common.ends_with(".exe") && equal_in_any_case(name, common)))
                return group.what;
    return nullptr;
}

} // namespace rustland::supervisor
