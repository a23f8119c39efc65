// SPDX-License-Identifier: GPL-2.0-only
#include "stats_server.hpp"

#include "rustland/common/clock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace rustland {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kSocketMode = 0666; // reading is harmless; the peer is checked for the rest
// Whoever comes and goes all the time must not keep others from coming: those who wait are taken
// together.
constexpr int kBacklog = 128;
constexpr std::size_t kChunk = 4096; // read at once
// How often the server looks after its clients: soon while somebody waits for it.
constexpr Nanos kSoon = millis(100);
constexpr Nanos kLater = seconds(1);
// Of those who were turned away; beyond, the connection is closed without a word.
constexpr std::size_t kMostFarewells = 16;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error::from_code(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

bool bind_to(int fd, const sockaddr_un& address) {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

std::optional<ucred> peer_of(int fd) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return std::nullopt;
    return peer;
}

// Makes way for a new socket, unless the one that is there is alive or no socket at all.
Status remove_stale(const std::string& path) {
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0)
        return Error::from_errno(path);
    if (!S_ISSOCK(info.st_mode))
        return Error(path + " exists and is not a socket: remove it or choose another --socket",
                     EEXIST);
    const auto alive = connect_to_socket(path, SOCK_NONBLOCK);
    // EAGAIN: somebody listens, but is busy.
    if (alive || alive.error().code() == EAGAIN) {
        const auto peer = alive ? peer_of(alive.value().get()) : std::nullopt;
        return Error(fmt::format("{} is in use by {}", path,
                                 peer ? fmt::format("process {}", peer->pid) : "another process"),
                     EADDRINUSE);
    }
    if (alive.error().code() != ECONNREFUSED)
        return alive.error();
    if (::unlink(path.c_str()) != 0)
        return Error::from_errno("removing the stale socket " + path);
    return {};
}

Result<UniqueFd> listen_at(const std::string& path) {
    const auto address = address_of(path);
    if (!address)
        return address.error();
    const std::string directory = path.substr(0, path.rfind('/'));
    if (!directory.empty() && ::mkdir(directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST)
        return Error::from_errno("creating " + directory);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return Error::from_errno("socket");
    if (!bind_to(fd.get(), *address)) {
        if (errno != EADDRINUSE)
            return Error::from_errno("socket " + path);
        if (auto done = remove_stale(path); !done)
            return done.error();
        if (!bind_to(fd.get(), *address))
            return Error::from_errno("socket " + path);
    }
    if (::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return Error::from_errno("socket " + path);
    return fd;
}

} // namespace

Result<UniqueFd> connect_to_socket(const std::string& path, int flags) {
    const auto address = address_of(path);
    if (!address)
        return address.error();
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!fd)
        return Error::from_errno("socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(sockaddr_un)) != 0)
        return Error::from_errno(path);
    return fd;
}

Result<std::unique_ptr<StatsServer>> StatsServer::open(EventLoop& loop, const std::string& path,
                                                       Callbacks callbacks,
                                                       const ClientLimits& limits) {
    auto socket = listen_at(path);
    if (!socket)
        return socket.error();
    std::unique_ptr<StatsServer> self(
        new StatsServer(loop, path, *std::move(socket), std::move(callbacks), limits));
    auto done = loop.watch(self->socket_.get(), EPOLLIN, [server = self.get()](std::uint32_t) {
        for (int i = 0; i < kBacklog && server->accept_client(); ++i)
            ;
    });
    if (!done)
        return done.error();
    return self;
}

StatsServer::StatsServer(EventLoop& loop, std::string path, UniqueFd socket, Callbacks callbacks,
                         const ClientLimits& limits)
    : loop_(loop), path_(std::move(path)), socket_(std::move(socket)),
      callbacks_(std::move(callbacks)), book_(limits) {
    struct stat info = {};
    if (::lstat(path_.c_str(), &info) == 0) {
        device_ = info.st_dev;
        inode_ = info.st_ino;
    }
}

StatsServer::~StatsServer() {
    while (!clients_.empty())
        drop(clients_.begin()->first);
    if (timer_)
        loop_.forget(timer_->fd());
    loop_.forget(socket_.get());
    struct stat info = {};
    if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
        ::unlink(path_.c_str());
}

bool StatsServer::accept_client() {
    UniqueFd fd = acceptor_.accept(socket_.get());
    if (!fd)
        return false; // the client has gone already
    const auto peer = peer_of(fd.get());
    if (!peer)
        return true;
    const auto refusal = book_.refusal(peer->uid);
    const std::size_t strangers = clients_.size() - book_.connections();
    if (refusal && strangers >= kMostFarewells)
        return true;
    auto client = std::make_unique<Client>();
    const int number = fd.get();
    client->fd = std::move(fd);
    client->user = peer->uid;
    client->heard = monotonic_now();
    if (!loop_.watch(number, EPOLLIN | EPOLLRDHUP,
                     [this, number](std::uint32_t ev) { on_client(number, ev); }))
        return true;
    Client& kept = *clients_.emplace(number, std::move(client)).first->second;
    if (refusal) {
        turn_away(kept, *refusal);
    } else {
        book_.came(kept.user, kept.heard);
    }
    plan();
    return true;
}

// The client may have written before it reads: a socket closed with that unread would take the
// reason with it.
void StatsServer::turn_away(Client& client, const std::string& why) {
    client.turned_away = true;
    const std::string line = error_line(why);
    // A new socket's buffer takes a short line.
    static_cast<void>(!::send(client.fd.get(), line.data(), line.size(), MSG_NOSIGNAL));
    ::shutdown(client.fd.get(), SHUT_WR);
}

void StatsServer::on_client(int fd, std::uint32_t events) {
    const auto found = clients_.find(fd);
    if (found == clients_.end())
        return;
    Client& client = *found->second;
    const bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (!gone && (events & (EPOLLIN | EPOLLRDHUP)) != 0)
        read_from(client);
    if (gone || (client.turned_away && client.closing)) {
        drop(fd);
    } else if (!client.turned_away) {
        take_turn(client);
        flush(client);
    }
    plan();
}

void StatsServer::read_from(Client& client) {
    std::array<char, kChunk> buffer{};
    const ssize_t n = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        client.closing = true;
    if (n <= 0 || client.closing || client.turned_away)
        return;
    client.reader.append({buffer.data(), static_cast<std::size_t>(n)});
}

void StatsServer::take_turn(Client& client) {
    client.waiting = false;
    if (!client.unsent.empty() || client.closing)
        return;
    if (client.reader.has_line()) {
        const Nanos now = monotonic_now();
        client.waiting = !book_.take_request(client.user, now);
        if (client.waiting)
            return;
        client.heard = now;
        client.asked = true;
        answer(client, *client.reader.next());
    } else if (client.reader.overflown()) {
        queue(client,
              error_line(fmt::format("a request is longer than {} bytes", LineReader::kMaxLine)));
        client.closing = true;
    }
}

void StatsServer::answer(Client& client, const std::string& line) {
    const auto request = parse_request(line);
    if (!request) {
        queue(client, error_line(request.error().message()));
        return;
    }
    if (request->needs_root() && client.user != 0) {
        queue(client, error_line("only root may ask for this"));
        return;
    }
    switch (request->kind) {
    case Request::Kind::Stats:
        send_stats(client);
        break;
    case Request::Kind::Subscribe:
        subscribe(client, request->interval);
        break;
    case Request::Kind::Classes: {
        const auto done = callbacks_.classes(*request);
        queue(client, done ? "{\"ok\":true}\n" : error_line(done.error().message()));
        break;
    }
    case Request::Kind::Stop:
        queue(client, "{\"ok\":true}\n");
        callbacks_.stop();
        break;
    }
}

// A second subscription replaces the first.
void StatsServer::subscribe(Client& client, Nanos interval) {
    auto timer = IntervalTimer::every(interval);
    if (!timer) {
        queue(client, error_line(timer.error().message()));
        return;
    }
    if (client.subscription)
        loop_.forget(client.subscription->fd());
    client.subscription = *std::move(timer);
    const int fd = client.fd.get();
    const auto done = loop_.watch(client.subscription->fd(), EPOLLIN, [this, fd](std::uint32_t) {
        Client& subscriber = *clients_.at(fd);
        subscriber.subscription->acknowledge();
        // One whose user asks for too much misses some.
        if (!book_.take_request(subscriber.user, monotonic_now()))
            return;
        send_stats(subscriber);
        flush(subscriber);
    });
    if (!done) {
        client.subscription.reset();
        queue(client, error_line(done.error().message()));
        return;
    }
    send_stats(client);
}

void StatsServer::send_stats(Client& client) {
    // A client that does not keep up misses some.
    if (client.unsent.empty() || !client.subscription)
        queue(client, callbacks_.stats());
}

void StatsServer::queue(Client& client, const std::string& line) { client.unsent += line; }

void StatsServer::flush(Client& client) {
    const int fd = client.fd.get();
    while (!client.unsent.empty()) {
        const ssize_t n = ::send(fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            drop(fd);
            return;
        }
        if (n < 0)
            break;
        client.unsent.erase(0, static_cast<std::size_t>(n));
    }
    if ((client.closing && client.unsent.empty()) || client.unsent.size() > kMaxUnread) {
        drop(fd);
        return;
    }
    // A closing client is not read from any more, nor is one whose requests wait here: the others
    // wait in its socket. One with answers to take gets no new ones.
    std::uint32_t wanted = 0;
    if (!client.unsent.empty() || (client.reader.has_line() && !client.waiting))
        wanted = EPOLLOUT;
    else if (!client.closing && !client.waiting)
        wanted = EPOLLIN | EPOLLRDHUP;
    if (!loop_.change(fd, wanted))
        drop(fd);
}

void StatsServer::drop(int fd) {
    const auto found = clients_.find(fd);
    if (found == clients_.end())
        return;
    if (found->second->subscription)
        loop_.forget(found->second->subscription->fd());
    if (!found->second->turned_away)
        book_.left(found->second->user);
    loop_.forget(fd);
    clients_.erase(found);
}

void StatsServer::look_after() {
    const Nanos now = monotonic_now();
    std::vector<int> numbers;
    for (const auto& [number, client] : clients_)
        numbers.push_back(number);
    for (const int number : numbers) {
        Client& client = *clients_.at(number);
        if (client.turned_away) {
            if (now - client.heard >= book_.limits().farewell)
                drop(number);
        } else if (client.waiting) {
            take_turn(client);
            flush(client);
        } else if (!client.subscription &&
                   book_.silent_too_long(client.user, client.asked, client.heard, now)) {
            // What it does not read cannot be told.
            if (!client.unsent.empty()) {
                drop(number);
                continue;
            }
            queue(client, error_line("nothing was asked for too long: connect again"));
            client.closing = true;
            flush(client);
        }
    }
    plan(true);
}

// The timer runs only while it has something to do: an idle machine is not to wake up for it.
void StatsServer::plan(bool looked) {
    Nanos wanted;
    for (const auto& [fd, client] : clients_) {
        if (client->waiting || client->turned_away)
            wanted = kSoon;
        else if (wanted == Nanos{} && !client->subscription && !book_.privileged(client->user))
            wanted = kLater;
    }
    if (wanted == timer_interval_)
        return;
    // What is due is not put off: clients that come and go would do so for ever.
    if (timer_ && wanted > timer_interval_ && !looked)
        return;
    if (timer_)
        loop_.forget(timer_->fd());
    timer_.reset();
    timer_interval_ = {};
    if (wanted == Nanos{})
        return;
    auto timer = IntervalTimer::every(wanted);
    if (!timer)
        return; // the next event plans again
    timer_ = *std::move(timer);
    if (loop_.watch(timer_->fd(), EPOLLIN, [this](std::uint32_t) {
            timer_->acknowledge();
            look_after();
        }))
        timer_interval_ = wanted;
}

} // namespace rustland
