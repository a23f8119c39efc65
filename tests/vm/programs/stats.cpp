// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/unique_fd.hpp"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>
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

} // namespace

int ask(const std::string& socket_path, const std::string& request) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        die(socket_path.c_str(), errno);
    const std::string line = request + "\n";
    if (::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0)
        die("send", errno);
    std::string answer;
    while (answer.find('\n') == std::string::npos) {
        char buffer[4096];
        const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
        if (got < 0)
            die("recv", errno);
        if (got == 0)
            break;
        answer.append(buffer, static_cast<std::size_t>(got));
    }
    const auto parsed = nlohmann::json::parse(answer, nullptr, false);
    if (parsed.is_discarded()) {
        fmt::print(stderr, "vm-tasks: the answer is not JSON: {}\n", answer);
        return 2;
    }
    print_flat(parsed, "");
    return parsed.is_object() && parsed.contains("error") ? 1 : 0;
}

} // namespace rustland::vm
