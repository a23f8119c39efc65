// SPDX-License-Identifier: GPL-2.0-only
#include "hostile.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

// As rustlandctl does: where the daemon is busy it waits for it.
constexpr Nanos kPatience = seconds(60);
constexpr Nanos kBetween = millis(100);

// How long the machine had no CPU for a process.
Nanos kept_waiting(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/schedstat");
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    file >> ran >> waited;
    return Nanos{file ? waited : 0};
}

std::string server_of(const UniqueFd& socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
    return std::to_string(peer.pid);
}

std::string first_line(const UniqueFd& socket) {
    std::string line;
    char buffer[4096];
    while (line.find('\n') == std::string::npos) {
        const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
        if (got <= 0)
            return line.empty() ? "closed without an answer" : "cut off: " + line;
        line.append(buffer, static_cast<std::size_t>(got));
    }
    return line;
}

void ask(const Target& target, bool without_waits, Answers& answers) {
    const Nanos began = monotonic_now();
    const UniqueFd socket = connect_to(target.path, kPatience);
    const std::string server = server_of(socket);
    const auto waits = [&] {
        return without_waits ? kept_waiting(server) + kept_waiting("self") : Nanos{};
    };
    const Nanos waited = waits();
    std::string line = "no connection";
    if (socket &&
        ::send(socket.get(), target.question.data(), target.question.size(), MSG_NOSIGNAL) > 0)
        line = first_line(socket);
    const Nanos took = monotonic_now() - began - (waits() - waited);
    ++answers.asked;
    answers.longest = std::max(answers.longest, took);
    if (answers.refusal.empty() && line.find(target.expected) == std::string::npos)
        answers.refusal = line;
}

} // namespace

UniqueFd connect_to(const std::string& path, Nanos patience) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{patience.value / 1'000'000'000, patience.value % 1'000'000'000 / 1000};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return {};
    return socket;
}

std::vector<Answers> ask_all(const std::vector<Target>& targets, Nanos span, bool without_waits) {
    std::vector<Answers> all(targets.size());
    const Nanos end = monotonic_now() + span;
    while (monotonic_now() < end) {
        for (std::size_t i = 0; i < targets.size(); ++i)
            ask(targets[i], without_waits, all[i]);
        const timespec pause{0, kBetween.value};
        ::nanosleep(&pause, nullptr);
    }
    return all;
}

} // namespace rustland::vm
