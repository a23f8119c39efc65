// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/program_search.hpp"

#include "rustland/common/closest.hpp"
#include "rustland/common/file.hpp"
#include "supervisor/match/pattern.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>
#include <string_view>

namespace rustland::supervisor {
namespace {

// sudo's own PATH leaves out games.
constexpr std::array<std::string_view, 8> kFolders{"/usr/local/games",
                                                   "/usr/games",
                                                   "/usr/local/bin",
                                                   "/usr/bin",
                                                   "/bin",
                                                   "/usr/sbin",
                                                   "/sbin",
                                                   "/var/lib/flatpak/exports/bin"};

bool is_installed(const std::string& name) {
    return std::any_of(kFolders.begin(), kFolders.end(), [&](std::string_view folder) {
        return path_exists(fmt::format("{}/{}", folder, name));
    });
}

} // namespace

std::vector<std::string> names_of_processes(const ProcReader& proc) {
    std::set<std::string> names;
    for (const Pid pid : proc.list().value_or({}))
        // Any of them may end meanwhile.
        if (const auto process = proc.read(pid, {.argv = true, .exe = true}, false);
            process && !process->argv.empty())
            for (std::string& name : process->programs())
                names.insert(std::move(name));
    return {names.begin(), names.end()};
}

std::optional<std::string> note_on_unknown(const ProcReader& proc, const std::string& text) {
    const auto pattern = Pattern::compile(text);
    if (!pattern || !pattern->literal())
        return std::nullopt;
    if (text.starts_with('/'))
        return path_exists(text) ? std::nullopt
                                 : std::optional(fmt::format("there is no file {}", text));
    const std::vector<std::string> names = names_of_processes(proc);
    const bool windows = is_windows_program(text);
    if (std::find(names.begin(), names.end(), text) != names.end() ||
        (!windows && is_installed(text)))
        return std::nullopt;
    return fmt::format(
        "no program called {} runs now{}{} (rustlandctl explain PID says what a game "
        "that runs is called)",
        text, windows ? "" : " or is installed", proposal(text, names));
}

} // namespace rustland::supervisor
