// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/client.hpp"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace rustland::supervisor {

using nlohmann::json;

std::string no_scheduler(const std::string& socket) {
    return fmt::format("rustland does not answer on {}: it is off, or another scheduler is on "
                       "(rustlandctl status says why)",
                       socket);
}

Error Client::silent() const {
    return Error(
        fmt::format("{0} does not answer (stopped or overloaded?); see systemctl status {0}",
                    listener_.name),
        ETIMEDOUT);
}

Result<Client> Client::connect(const std::string& path, std::chrono::seconds patience,
                               Listener listener) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error(path + ": the path is too long for a socket");
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    timeval limit{};
    limit.tv_sec = patience.count();
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return Error(listener.absent(path), ECONNREFUSED);
        return Error::from_errno(fmt::format("{} cannot be asked on {}", listener.name, path));
    }
    return Client(std::move(fd), listener);
}

Status Client::send(const json& request) {
    const std::string line = request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    std::size_t sent = 0;
    while (sent < line.size()) {
        const ssize_t n = ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return silent();
        if (n <= 0)
            return Error::from_errno(listener_.name);
        sent += static_cast<std::size_t>(n);
    }
    return {};
}

Result<json> Client::receive() {
    std::array<char, 65536> chunk; // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const std::size_t newline = buffer_.find('\n');
        if (newline != std::string::npos) {
            json answer = json::parse(buffer_.substr(0, newline), nullptr, false);
            buffer_.erase(0, newline + 1);
            if (!answer.is_object())
                return Error(std::string(listener_.name) + " answered what is not understood");
            return answer;
        }
        const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return silent();
        if (n < 0)
            return Error::from_errno(listener_.name);
        if (n == 0)
            return Error(std::string(listener_.name) + " has closed the connection", ECONNRESET);
        buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

Result<json> Client::ask(const json& request) {
    if (const Status status = send(request); !status)
        return status.error();
    auto answer = receive();
    if (answer && answer->value("ok", json(false)) != true) {
        const json& error = answer->value("error", json("refused"));
        return Error(error.is_string() ? error.get<std::string>() : "refused");
    }
    return answer;
}

} // namespace rustland::supervisor
