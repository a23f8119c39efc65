// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/control_server.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"

#include <array>
#include <fmt/format.h>
#include <optional>
#include <sys/epoll.h>
#include <sys/inotify.h>
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
    std::unique_ptr<ControlServer> self(new ControlServer(loop, path, std::move(handlers), limits));
    ControlServer* raw = self.get();
    auto timer = loop.timer([raw] { raw->look_after(); });
    if (!timer)
        return timer.error();
    self->timer_ = *std::move(timer);
    if (const Status status = self->open(); !status)
        return status.error();
    return self;
}

// What is known of a socket before it is ours is left alone until the new one listens.
Status ControlServer::open() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path))
        return Error(path_ + ": the path is too long for a socket");
    path_.copy(address.sun_path, path_.size());
    const auto* const where = reinterpret_cast<const sockaddr*>(&address);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return Error::from_errno(path_);
    // A daemon that was killed left its socket; one that lives still answers on it.
    // EAGAIN: and is busy.
    if (::connect(fd.get(), where, sizeof(address)) == 0 || errno == EAGAIN)
        return Error(path_ + ": another rustlandd is running");
    fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(path_.c_str());
    if (!fd || ::bind(fd.get(), where, sizeof(address)) != 0 ||
        // Anybody may ask; who may change something is judged by the peer's credentials.
        ::chmod(path_.c_str(), 0666) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return Error::from_errno(path_);
    auto source = loop_.io(fd.get(), EPOLLIN, [this](std::uint32_t) {
        for (int i = 0; i < kBacklog && accept(); ++i)
            ;
    });
    if (!source)
        return source.error();
    source_ = *std::move(source); // before the descriptor that the old one watches is closed
    fd_ = std::move(fd);
    file_ = file_at(path_);
    watch_path();
    return {};
}

std::optional<ControlServer::FileId> ControlServer::file_at(const std::string& path) {
    struct stat st = {};
    if (::lstat(path.c_str(), &st) != 0)
        return std::nullopt;
    return FileId{st.st_dev, st.st_ino};
}

// Without inotify the next call of keep_path() notices it.
void ControlServer::watch_path() {
    inotify_source_.reset();
    inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    // A file that is removed while it is open only loses a link, which is one of its attributes.
    if (!inotify_ || ::inotify_add_watch(inotify_.get(), path_.c_str(),
                                         IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF) < 0)
        return;
    auto source = loop_.io(inotify_.get(), EPOLLIN, [this](std::uint32_t) {
        std::array<char, 4096> events; // NOLINT(cppcoreguidelines-pro-type-member-init)
        while (::read(inotify_.get(), events.data(), events.size()) > 0)
            ;
        if (const Status status = keep_path(); !status)
            log::warn("{}; rustlandctl does not find this daemon: sudo systemctl restart rustlandd",
                      status.error().with("listening anew").message());
    });
    if (source)
        inotify_source_ = *std::move(source);
}

Status ControlServer::keep_path() {
    if (file_ && file_at(path_) == file_)
        return {};
    return open();
}

ControlServer::~ControlServer() {
    // What another has put there is not ours to remove.
    if (file_ && file_at(path_) == file_)
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
