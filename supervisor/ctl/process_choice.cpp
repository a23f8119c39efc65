// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/process_choice.hpp"

#include "rustland/common/closest.hpp"
#include "supervisor/ctl/program_search.hpp"
#include "supervisor/match/pattern.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <system_error>
#include <tuple>

namespace rustland::supervisor {
namespace {

bool is_called(const ProcessInfo& process, const std::string& name) {
    if (name.starts_with('/'))
        return process.exe == name || (!process.argv.empty() && process.argv.front() == name);
    // The kernel cuts its own name for it.
    if (!process.comm.empty() && process.comm == name.substr(0, kCommLength) &&
        (name.size() <= kCommLength || process.comm.size() == kCommLength))
        return true;
    const std::vector<std::string> programs = process.programs();
    return std::any_of(programs.begin(), programs.end(), [&](const std::string& program) {
        if (!is_windows_program(program))
            return program == name;
        return std::equal(program.begin(), program.end(), name.begin(), name.end(),
                          [](char a, char b) {
                              return std::tolower(static_cast<unsigned char>(a)) ==
                                     std::tolower(static_cast<unsigned char>(b));
                          });
    });
}

} // namespace

std::optional<Pid> process_number(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    std::int32_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return Pid{ec == std::errc{} ? number : std::numeric_limits<std::int32_t>::max()};
}

std::vector<Pid> processes_called(const ProcReader& proc, const std::string& name, uid_t user) {
    struct Found {
        bool others = false;
        std::uint64_t start_time = 0;
        Pid pid;
    };
    std::vector<Found> found;
    const auto pids = proc.list();
    if (!pids)
        return {};
    const Needs needs{.argv = true, .exe = true, .uid = true};
    for (const Pid pid : *pids)
        // Any of them may end meanwhile.
        if (const auto process = proc.read(pid, needs, false); process && is_called(*process, name))
            found.push_back({process->uid != user, process->key.start_time, pid});
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        return std::tuple(a.others, a.start_time, a.pid) <
               std::tuple(b.others, b.start_time, b.pid);
    });
    std::vector<Pid> out;
    for (const Found& one : found)
        out.push_back(one.pid);
    return out;
}

Result<ChosenProcess> choose_process(const ProcReader& proc, const std::string& text, uid_t user) {
    if (const auto number = process_number(text)) {
        const auto group = proc.thread_group(*number);
        if (!group)
            return group.error();
        return ChosenProcess{*group, {}};
    }
    std::vector<Pid> called = processes_called(proc, text, user);
    if (called.empty())
        return Error(fmt::format("no process is called {}{} (start it, or give its number: ps -e "
                                 "shows them)",
                                 text, proposal(text, names_of_processes(proc))));
    const Pid first = called.front();
    called.erase(called.begin());
    return ChosenProcess{first, std::move(called)};
}

} // namespace rustland::supervisor
