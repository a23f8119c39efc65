// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/unique_fd.hpp"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace rustland::vm {
namespace {

void print_flat(const nlohmann::json& value, const std::string& name) {
    if (value.is_structured()) {
        for (const auto& [key, child] : value.items())
            print_flat(child, name.empty() ? key : fmt::format("{}.{}", name, key));
    } else if (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>()) {
        // Most are counters: a shell can compute with whole numbers.
        fmt::print("{} {:.0f}\n", name, value.get<double>());
    } else {
        fmt::print("{} {}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
    }
}

UniqueFd connect_to(const std::string& socket_path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        die(socket_path.c_str(), errno);
    return socket;
}

std::string answer_to(const std::string& request, const UniqueFd& socket) {
    const std::string line = request + "\n";
    if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0)
        die("send", errno);
    std::string answer;
    while (answer.find('\n') == std::string::npos) {
        // Not in recv(): that is woken, too, when the other side has read what was sent, and would
        // then wait for a decision itself while the answer is made.
        pollfd readable{socket.get(), POLLIN, 0};
        static_cast<void>(::poll(&readable, 1, -1));
        char buffer[4096];
        const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
        if (got < 0)
            die("recv", errno);
        if (got == 0)
            break;
        answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
}

} // namespace

int ask(const std::string& socket_path, const std::string& request) {
    const std::string answer = answer_to(request, connect_to(socket_path));
    const auto parsed = nlohmann::json::parse(answer, nullptr, false);
    if (parsed.is_discarded()) {
        fmt::print(stderr, "vm-tasks: the answer is not JSON: {}\n", answer);
        return 2;
    }
    print_flat(parsed, "");
    return parsed.is_object() && parsed.contains("error") ? 1 : 0;
}

int agree(const std::string& socket_path, int limit_s) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s);
    const UniqueFd socket = connect_to(socket_path);
    for (int tries = 0;; ++tries) {
        // In the deterministic mode, equal pauses could meet the same task on its way each time.
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + tries * 37 % 100));
        const auto answer =
            nlohmann::json::parse(answer_to(R"({"request":"stats"})", socket), nullptr, false);
        const auto count = [&](const char* name) {
            const nlohmann::json::json_pointer place(std::string("/stats/") + name);
            return answer.is_object() ? answer.value(place, std::int64_t{-1}) : -1;
        };
        const auto queued = count("queued");
        const auto ended = count("decided") + count("fallback") + count("dequeued");
        if (queued > 0 && queued == ended)
            return 0;
        if (std::chrono::steady_clock::now() >= deadline) {
            fmt::print("queued {}, decided {} + fallback {} + dequeued {}\n", queued,
                       count("decided"), count("fallback"), count("dequeued"));
            return 1;
        }
    }
}

} // namespace rustland::vm
