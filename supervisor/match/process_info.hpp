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

// How busy a process keeps the busiest engine of the graphics processor that draws or computes.
struct GpuUse {
    enum class State {
        NoDevice,  // it holds no graphics device open
        Hidden,    // what it holds open may not be seen: the daemon lacks a capability
        NotTold,   // it does, but the driver tells no times of engines
        FirstLook, // they grow by nobody knows how much before the second look
        Known
    };
    State state = State::NoDevice;
    double percent = 0; // only where it is known
};

struct ProcessInfo {
    ProcessKey key;
    Pid parent;
    std::string comm;               // at most 15 bytes, the kernel's limit
    std::vector<std::string> argv;  // empty for a kernel thread
    std::optional<std::string> exe; // empty where it may not be read
    // The Windows program that Wine has mapped, where the command line does not name one.
    std::optional<std::string> module;
    std::optional<std::string> cgroup; // the cgroup v2 path, from "/"
    std::optional<uid_t> uid;
    std::optional<std::uint32_t> steam_appid; // its own; matching also looks at the ancestors'
    std::optional<GpuUse> gpu;                // nothing: was not looked at
    std::vector<Ancestor> ancestors;          // the parent first

    // The arguments joined by single spaces.
    [[nodiscard]] std::string cmdline() const;
    // The names that it may be known by, full length: the file name of argv[0], which the process
    // chooses itself, the program that Wine runs, the script that an interpreter runs, and the file
    // name of the executable.
    [[nodiscard]] std::vector<std::string> programs() const;
    // What to call it: the Windows program's name, or the kernel's own name for it at full length,
    // or whatever is known.
    [[nodiscard]] std::string name() const;
};

// The last part of a UNIX or Windows path.
std::string_view file_name(std::string_view path);
// A name that Windows would run, whose case carries no meaning: "Game.EXE".
bool is_windows_program(std::string_view name);
// `exe` is the path of the executable and `module` that of the Windows program in it, where known.
std::vector<std::string> program_names(const std::vector<std::string>& argv, std::string_view comm,
                                       std::string_view exe = {}, std::string_view module = {});
// True for an executable in which Windows programs run: wine, wine64-preloader and the like.
bool is_wine_loader(std::string_view path);

// The AppID in a scope that Steam made: ".../app-steam-app570-1234.scope".
std::optional<std::uint32_t> steam_appid_from_cgroup(std::string_view cgroup);
// The AppID in the command line of Steam's reaper: "reaper SteamLaunch AppId=570 -- …".
std::optional<std::uint32_t> steam_appid_from_argv(const std::vector<std::string>& argv);
// The AppID in what Steam puts into the environment of a game, as /proc/PID/environ has it. A
// program that is no game of Steam's, but was added to it, has its number in the upper half of
// SteamGameId.
std::optional<std::uint32_t> steam_appid_from_environ(std::string_view environ);

// True for a cgroup whose processes a service started for somebody else: a sandbox of Flatpak or
// Snap, or a transient unit. Ancestors do not lead to whoever wanted them.
bool started_for_another(std::string_view cgroup);

} // namespace rustland::supervisor
