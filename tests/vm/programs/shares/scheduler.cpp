// SPDX-License-Identifier: GPL-2.0-only
#include "shares/scheduler.hpp"

#include "rustland/common/file.hpp"
#include "rustland/common/unique_fd.hpp"
#include "shares/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace rustland::shares {
namespace {

constexpr const char* kSchedExt = "/sys/kernel/sched_ext";

// The mode that is chosen is in brackets, where the kernel lists all of them.
std::string chosen(const std::string& text) {
    const auto begin = text.find_first_of("[(");
    const auto end = text.find_first_of("])");
    return begin == std::string::npos || end == std::string::npos
               ? text
               : text.substr(begin + 1, end - begin - 1);
}

Result<std::string> ask(const std::string& path, const std::string& request) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return Error::from_errno(fmt::format("cannot connect to {}", path));
    const std::string line = request + "\n";
    if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0)
        return Error::from_errno(fmt::format("cannot send to {}", path));
    std::string answer;
    char buffer[4096];
    while (answer.find('\n') == std::string::npos) {
        const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
        if (got <= 0)
            return Error(fmt::format("{} did not answer", path));
        answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
}

} // namespace

SchedulerState scheduler_state() {
    SchedulerState state;
    const auto enabled = read_line(fmt::format("{}/state", kSchedExt));
    if (enabled && *enabled != "disabled")
        state.name = read_line(fmt::format("{}/root/ops", kSchedExt)).value_or("?");
    state.enable_seq = read_line(fmt::format("{}/enable_seq", kSchedExt)).value_or("");
    state.cgroup_mode = chosen(read_line("/sys/kernel/debug/sched/cgroup_mode").value_or(""));
    return state;
}

Status make_foreground(const SchedulerState& state, const std::string& socket,
                       const std::vector<pid_t>& pids) {
    if (pids.empty())
        return {};
    if (state.name == "EEVDF") {
        const sched_param parameters{.sched_priority = 1};
        for (const pid_t pid : pids)
            if (::sched_setscheduler(pid, SCHED_RR, &parameters) != 0)
                return Error::from_errno("cannot make a foreground task a real-time one");
        return {};
    }
    const auto answer = ask(
        socket, fmt::format(R"({{"request":"classes","foreground":[{}]}})", fmt::join(pids, ",")));
    if (!answer)
        return answer.error();
    if (answer->find("\"error\"") != std::string::npos)
        return Error(fmt::format("the scheduler refuses the foreground: {}", *answer));
    return {};
}

} // namespace rustland::shares
