// SPDX-License-Identifier: GPL-2.0-only
// What is known about one process, as plain values: filled by the /proc reader or by a test.
#pragma once

#include "rustland/common/types.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

// The kernel keeps this many bytes of a name, and a NUL.
inline constexpr std::size_t kCommLength = 15;

// A PID is reused; with the time the process began (in clock ticks after boot) it is not.
struct ProcessKey {
    Pid pid;
    std::uint64_t start_time = 0;
    auto operator<=>(const ProcessKey&) const = default;
};

struct Ancestor {
    ProcessKey key;
    std::string comm;
    std::vector<std::string> programs;
    std::optional<std::uint32_t> steam_appid; // from "SteamLaunch AppId=" on its command line
};

struct ProcessInfo {
    ProcessKey key;
    Pid parent;
    std::string comm;                  // at most 15 bytes, the kernel's limit
    std::vector<std::string> argv;     // empty for a kernel thread
    std::optional<std::string> exe;    // empty where it may not be read
    std::optional<std::string> cgroup; // the cgroup v2 path, from "/"
    std::optional<uid_t> uid;
    std::optional<std::uint32_t> steam_appid; // its own; matching also looks at the ancestors'
    std::vector<Ancestor> ancestors;          // the parent first

    // The arguments joined by single spaces.
    [[nodiscard]] std::string cmdline() const;
    // The names that it may be known by, full length: the file name of argv[0], the program that
    // Wine runs, the script that an interpreter runs.
    [[nodiscard]] std::vector<std::string> programs() const;
};

// The last part of a UNIX or Windows path.
std::string_view file_name(std::string_view path);
// A name that Windows would run, whose case carries no meaning: "Game.EXE".
bool is_windows_program(std::string_view name);
std::vector<std::string> program_names(const std::vector<std::string>& argv, std::string_view comm);

// The AppID in a scope that Steam made: ".../app-steam-app570-1234.scope".
std::optional<std::uint32_t> steam_appid_from_cgroup(std::string_view cgroup);
// The AppID in the command line of Steam's reaper: "reaper SteamLaunch AppId=570 -- …".
std::optional<std::uint32_t> steam_appid_from_argv(const std::vector<std::string>& argv);

} // namespace rustland::supervisor
