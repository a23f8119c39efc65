// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/control_server.hpp"

#include "rustland/common/log.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr std::size_t kLongestRequest = 65536;
constexpr std::size_t kMostUnread = 1U << 20U;
constexpr std::size_t kMostClients = 64;
// One user must not keep the others out.
constexpr int kMostPerUser = 16;
// JSON nested deeper than any request of ours would only burn stack.
constexpr int kDeepestNesting = 16;

bool too_deep(std::string_view line) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted && c == '\\')
            ++i;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            ++depth;
        else if (!quoted && (c == '}' || c == ']'))
            --depth;
        if (depth > kDeepestNesting)
            return true;
    }
    return false;
}

} // namespace

Result<nlohmann::json> parse_request(std::string_view line) {
    const Error bad(R"(a request is one line of JSON such as {"request":"status"})");
    if (too_deep(line))
        return bad;
    nlohmann::json request = nlohmann::json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("request") || !request["request"].is_string())
        return bad;
    return request;
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(Loop& loop, const std::string& path,
                                                             Handlers handlers) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error(path + ": the path is too long for a socket");
    path.copy(address.sun_path, path.size());
    std::unique_ptr<ControlServer> self(new ControlServer(loop, path, std::move(handlers)));
    self->fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!self->fd_)
        return Error::from_errno(path);
    // A daemon that was killed left its socket; one that lives still answers on it.
    if (::connect(self->fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
        0)
        return Error(path + ": another rustlandd is running");
    self->fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path.c_str());
    if (!self->fd_ ||
        ::bind(self->fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0 ||
        // Anybody may ask; who may change something is judged by the peer's credentials.
        ::chmod(path.c_str(), 0666) != 0 || ::listen(self->fd_.get(), 16) != 0)
        return Error::from_errno(path);
    ControlServer* raw = self.get();
    auto source = loop.io(self->fd_.get(), EPOLLIN, [raw](std::uint32_t) { raw->accept(); });
    if (!source)
        return source.error();
    self->source_ = *std::move(source);
    return self;
}

ControlServer::~ControlServer() {
    if (source_)
        ::unlink(path_.c_str());
}

void ControlServer::accept() {
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd)
        return;
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return;
    const auto same_user = std::count_if(clients_.begin(), clients_.end(), [&](const auto& c) {
        return c.second.peer.uid == credentials.uid;
    });
    if (clients_.size() >= kMostClients || (credentials.uid != 0 && same_user >= kMostPerUser))
        return;
    const ClientId id = next_++;
    auto source =
        loop_.io(fd.get(), EPOLLIN, [this, id](std::uint32_t events) { ready(id, events); });
    if (!source)
        return;
    Client client;
    client.peer = {id, credentials.uid, Pid{credentials.pid}, Right::Look};
    client.fd = std::move(fd);
    client.source = *std::move(source);
    clients_.emplace(id, std::move(client));
}

void ControlServer::ready(ClientId id, std::uint32_t events) {
    const auto it = clients_.find(id);
    if (it == clients_.end())
        return;
    bool alive = true;
    if ((events & EPOLLOUT) != 0)
        alive = flush(it->second);
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        alive = read(it->second);
    if (!alive) {
        drop(id);
        return;
    }
    // A handler may have dropped clients, this one too: look it up for each line.
    for (auto now = clients_.find(id); now != clients_.end(); now = clients_.find(id)) {
        std::string& in = now->second.in;
        const std::size_t newline = in.find('\n');
        if (newline == std::string::npos)
            return;
        const std::string line = in.substr(0, newline);
        in.erase(0, newline + 1);
        const Peer peer = now->second.peer;
        const auto request = parse_request(line);
        if (request)
            handlers_.request(peer, *request);
        else
            send(id, {{"ok", false}, {"error", request.error().message()}});
    }
}

bool ControlServer::read(Client& client) {
    std::array<char, 8192> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = ::recv(client.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    client.in.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0 && client.in.size() <= kLongestRequest;
}

bool ControlServer::flush(Client& client) {
    while (!client.out.empty()) {
        const ssize_t n = ::send(client.fd.get(), client.out.data(), client.out.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        client.out.erase(0, static_cast<std::size_t>(n));
    }
    client.source.watch(client.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    return client.out.size() <= kMostUnread;
}

void ControlServer::send(ClientId id, const nlohmann::json& answer) {
    const auto it = clients_.find(id);
    if (it == clients_.end())
        return;
    it->second.out += answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (!flush(it->second))
        drop(id);
}

void ControlServer::drop(ClientId id) {
    if (clients_.erase(id) > 0 && handlers_.left)
        handlers_.left(id);
}

} // namespace rustland::supervisor
