// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/process_info.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <system_error>

namespace rustland::supervisor {
namespace {

bool ends_with_exe(std::string_view name) {
    if (name.size() < 5)
        return false;
    const std::string_view tail = name.substr(name.size() - 4);
    constexpr std::string_view exe = ".exe";
    return std::equal(tail.begin(), tail.end(), exe.begin(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    });
}

// "C:\Games\x.exe" or "Z:/games/x.exe".
bool is_windows_path(std::string_view path) {
    const bool drive = path.size() > 2 && path[1] == ':' &&
                       std::isalpha(static_cast<unsigned char>(path[0])) != 0 &&
                       (path[2] == '\\' || path[2] == '/');
    return drive || path.starts_with("\\\\");
}

void add(std::vector<std::string>& names, std::string_view name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
        names.emplace_back(name);
}

// The Windows program among the arguments of Wine's loader. A launcher may have put options, or
// another loader, before it.
std::string_view wine_program(const std::vector<std::string>& argv) {
    for (std::size_t i = 1; i < argv.size(); ++i)
        if (ends_with_exe(argv[i]) && argv[i].front() != '-')
            return file_name(argv[i]);
    // "wine notepad": the preloader is given the loader and then the program.
    if (is_wine_loader(argv[0]))
        for (std::size_t i = 1; i < argv.size() && i < 4; ++i)
            if (!is_wine_loader(argv[i]) && !argv[i].starts_with('-'))
                return file_name(argv[i]);
    return {};
}

std::optional<std::uint32_t> leading_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || number == 0)
        return std::nullopt;
    return number;
}

} // namespace

std::string_view file_name(std::string_view path) {
    const bool windows = is_windows_path(path) || (path.find('/') == std::string_view::npos &&
                                                   path.find('\\') != std::string_view::npos);
    const std::size_t slash = path.find_last_of(windows ? "\\/" : "/");
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_windows_program(std::string_view name) { return ends_with_exe(name); }

bool is_wine_loader(std::string_view path) {
    constexpr std::array<std::string_view, 5> loaders{"wine", "wine64", "wine-preloader",
                                                      "wine64-preloader", "wine-staging"};
    return std::find(loaders.begin(), loaders.end(), file_name(path)) != loaders.end();
}

std::vector<std::string> program_names(const std::vector<std::string>& argv, std::string_view comm,
                                       std::string_view exe, std::string_view module) {
    std::vector<std::string> names;
    if (!argv.empty()) {
        std::string_view first = file_name(argv[0]);
        // A login shell's name begins with a dash, which the kernel's name for it has not.
        if (first.size() > 1 && first.front() == '-' && !comm.starts_with('-'))
            first.remove_prefix(1);
        add(names, first);
        if (is_wine_loader(first) || (is_wine_loader(exe) && !ends_with_exe(first)))
            add(names, wine_program(argv));
    }
    // "#!": the kernel names the process after the script and puts the interpreter into argv[0].
    // The interpreter may have been given one option.
    for (std::size_t i = 1; i < argv.size() && i < 3; ++i) {
        const std::string_view script = file_name(argv[i]);
        if (!comm.empty() && script.substr(0, kCommLength) == comm)
            add(names, script);
    }
    add(names, file_name(module));
    add(names, file_name(exe));
    return names;
}

std::string ProcessInfo::cmdline() const {
    std::string line;
    for (const std::string& word : argv) {
        if (!line.empty())
            line += ' ';
        line += word;
    }
    return line;
}

std::vector<std::string> ProcessInfo::programs() const {
    return program_names(argv, comm, exe ? std::string_view(*exe) : std::string_view(),
                         module ? std::string_view(*module) : std::string_view());
}

std::string ProcessInfo::name() const {
    const std::vector<std::string> names = programs();
    const auto windows = std::find_if(names.begin(), names.end(), is_windows_program);
    if (windows != names.end())
        return *windows;
    const auto whole = std::find_if(names.begin(), names.end(), [this](const std::string& name) {
        return !comm.empty() && name.substr(0, kCommLength) == comm;
    });
    if (whole != names.end())
        return *whole;
    return names.empty() ? comm : names.front();
}

std::optional<std::uint32_t> steam_appid_from_cgroup(std::string_view cgroup) {
    constexpr std::string_view mark = "app-steam-app";
    const std::size_t at = cgroup.find(mark);
    if (at == std::string_view::npos)
        return std::nullopt;
    return leading_number(cgroup.substr(at + mark.size()));
}

std::optional<std::uint32_t> steam_appid_from_argv(const std::vector<std::string>& argv) {
    constexpr std::string_view mark = "AppId=";
    const auto launch = std::find(argv.begin(), argv.end(), "SteamLaunch");
    if (launch == argv.end() || launch + 1 == argv.end() || !(launch + 1)->starts_with(mark))
        return std::nullopt;
    return leading_number(std::string_view(*(launch + 1)).substr(mark.size()));
}

std::optional<std::uint32_t> steam_appid_from_environ(std::string_view environ) {
    constexpr std::array<std::string_view, 2> names{"SteamAppId=", "SteamGameId="};
    std::optional<std::uint32_t> found;
    while (!environ.empty() && !found) {
        const std::size_t end = std::min(environ.find('\0'), environ.size());
        const std::string_view entry = environ.substr(0, end);
        environ.remove_prefix(std::min(end + 1, environ.size()));
        for (const std::string_view name : names) {
            if (!entry.starts_with(name))
                continue;
            const std::string_view text = entry.substr(name.size());
            std::uint64_t number = 0;
            const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (ec != std::errc{} || stop != text.data() + text.size())
                continue;
            const std::uint64_t appid = number > 0xffffffffU ? number >> 32U : number;
            if (appid != 0)
                found = static_cast<std::uint32_t>(appid);
        }
    }
    return found;
}

bool started_for_another(std::string_view cgroup) {
    const std::size_t slash = cgroup.rfind('/');
    const std::string_view leaf =
        slash == std::string_view::npos ? cgroup : cgroup.substr(slash + 1);
    return leaf.starts_with("app-flatpak-") || leaf.starts_with("snap.") ||
           leaf.starts_with("run-");
}

} // namespace rustland::supervisor
