// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/control_server.hpp"

#include "rustland/common/clock.hpp"

#include <array>
#include <fmt/format.h>
#include <optional>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace rustland::supervisor {
namespace {

constexpr std::size_t kMostUnread = 1U << 20U;
// How often the server looks after its clients: soon while somebody waits for it.
constexpr Nanos kSoon = millis(100);
constexpr Nanos kLater = seconds(1);
// Of those who were turned away; beyond, the connection is closed without a word.
constexpr std::size_t kMostFarewells = 16;
// Whoever comes and goes all the time must not keep others from coming: those who wait are taken
// together.
constexpr int kBacklog = 128;
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
                                                             Handlers handlers,
                                                             const ClientLimits& limits) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error(path + ": the path is too long for a socket");
    path.copy(address.sun_path, path.size());
    std::unique_ptr<ControlServer> self(new ControlServer(loop, path, std::move(handlers), limits));
    self->fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!self->fd_)
        return Error::from_errno(path);
    // A daemon that was killed left its socket; one that lives still answers on it.
    // EAGAIN: and is busy.
    if (::connect(self->fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
            0 ||
        errno == EAGAIN)
        return Error(path + ": another rustlandd is running");
    self->fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path.c_str());
    if (!self->fd_ ||
        ::bind(self->fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0 ||
        // Anybody may ask; who may change something is judged by the peer's credentials.
        ::chmod(path.c_str(), 0666) != 0 || ::listen(self->fd_.get(), kBacklog) != 0)
        return Error::from_errno(path);
    ControlServer* raw = self.get();
    auto source = loop.io(self->fd_.get(), EPOLLIN, [raw](std::uint32_t) {
        for (int i = 0; i < kBacklog && raw->accept(); ++i)
            ;
    });
    if (!source)
        return source.error();
    auto timer = loop.timer([raw] { raw->look_after(); });
    if (!timer)
        return timer.error();
    self->timer_ = *std::move(timer);
    self->source_ = *std::move(source);
    return self;
}

ControlServer::~ControlServer() {
    if (source_)
        ::unlink(path_.c_str());
}

bool ControlServer::accept() {
    UniqueFd fd = acceptor_.accept(fd_.get());
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (!fd)
        return false;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return true;
    const auto refusal = book_.refusal(credentials.uid);
    if (refusal && clients_.size() - book_.connections() >= kMostFarewells)
        return true;
    const ClientId id = next_++;
    auto source =
        loop_.io(fd.get(), EPOLLIN, [this, id](std::uint32_t events) { ready(id, events); });
    if (!source)
        return true;
    Client& client = clients_[id];
    client.peer = {id, credentials.uid, Pid{credentials.pid}, Right::Look};
    client.fd = std::move(fd);
    client.source = *std::move(source);
    client.heard = monotonic_now();
    if (!refusal) {
        book_.came(credentials.uid, client.heard);
    } else {
        // The client may have written before it reads: a socket closed with that unread would take
        // the reason with it.
        client.turned_away = true;
        send(id, {{"ok", false}, {"error", *refusal}});
        if (const auto here = clients_.find(id); here != clients_.end())
            ::shutdown(here->second.fd.get(), SHUT_WR);
    }
    plan();
    return true;
}

void ControlServer::ready(ClientId id, std::uint32_t events) {
    const auto it = clients_.find(id);
    if (it == clients_.end())
        return;
    bool alive = true;
    // A client that has gone is noticed by what cannot be sent or read; first it has its turns.
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        alive = flush(it->second);
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !queued(it->second))
        alive = read(it->second);
    if (alive)
        take_turn(id);
    else
        drop(id);
    plan();
}

void ControlServer::take_turn(ClientId id) {
    Client& client = clients_.at(id);
    client.waiting = false;
    if (!client.out.empty() || client.turned_away)
        return watch(client);
    if (client.in.has_line()) {
        const Nanos now = monotonic_now();
        client.waiting = !book_.take_request(client.peer.uid, now);
        if (client.waiting)
            return watch(client);
        client.heard = now;
        client.asked = true;
        const Peer peer = client.peer;
        const auto request = parse_request(*client.in.next());
        if (request)
            handlers_.request(peer, *request);
        else
            send(id, {{"ok", false}, {"error", request.error().message()}});
        // A handler may have dropped clients, this one too.
        if (const auto here = clients_.find(id); here != clients_.end())
            watch(here->second);
    } else if (client.in.overflown()) {
        send(id,
             {{"ok", false},
              {"error", fmt::format("a request is longer than {} bytes", LineReader::kMaxLine)}});
        drop(id);
    } else {
        watch(client);
    }
}

bool ControlServer::read(Client& client) {
    std::array<char, 8192> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = ::recv(client.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n > 0 && !client.turned_away)
        client.in.append({buffer.data(), static_cast<std::size_t>(n)});
    return n > 0;
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
    watch(client);
    return client.out.size() <= kMostUnread;
}

// One whose requests wait here is not read from: the others wait in its own socket.
void ControlServer::watch(Client& client) {
    const bool turn = queued(client);
    std::uint32_t wanted = 0;
    if (!client.waiting && !turn)
        wanted |= static_cast<std::uint32_t>(EPOLLIN);
    if (!client.out.empty() || turn)
        wanted |= static_cast<std::uint32_t>(EPOLLOUT);
    client.source.watch(wanted);
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
    const auto it = clients_.find(id);
    if (it == clients_.end())
        return;
    const bool known = !it->second.turned_away;
    if (known)
        book_.left(it->second.peer.uid);
    clients_.erase(it);
    if (known && handlers_.left)
        handlers_.left(id);
}

void ControlServer::look_after() {
    due_.reset();
    const Nanos now = monotonic_now();
    std::vector<ClientId> ids;
    for (const auto& [id, client] : clients_)
        ids.push_back(id);
    for (const ClientId id : ids) {
        const auto it = clients_.find(id);
        if (it == clients_.end())
            continue;
        const Client& client = it->second;
        if (client.turned_away) {
            if (now - client.heard >= book_.limits().farewell)
                drop(id);
        } else if (client.waiting) {
            take_turn(id);
        } else if (book_.silent_too_long(client.peer.uid, client.asked, client.heard, now) &&
                   !(handlers_.busy && handlers_.busy(id))) {
            send(id, {{"ok", false}, {"error", "nothing was asked for too long: connect again"}});
            drop(id);
        }
    }
    plan();
}

// The timer runs only while it has something to do: an idle machine is not to wake up for it.
void ControlServer::plan() {
    std::optional<Nanos> wanted;
    for (const auto& [id, client] : clients_) {
        if (client.waiting || client.turned_away)
            wanted = kSoon;
        else if (!wanted && !book_.privileged(client.peer.uid))
            wanted = kLater;
    }
    if (!wanted) {
        due_.reset();
        return timer_.disarm();
    }
    // What is due is not put off: clients that come and go would do so for ever.
    const Nanos then = monotonic_now() + *wanted;
    if (due_ && *due_ <= then)
        return;
    due_ = then;
    timer_.arm(then);
}

} // namespace rustland::supervisor
