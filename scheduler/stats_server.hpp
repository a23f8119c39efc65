// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "event_loop.hpp"
#include "protocol.hpp"
#include "rustland/common/acceptor.hpp"
#include "rustland/common/client_limits.hpp"
#include "rustland/common/line_reader.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <unordered_map>

namespace rustland {

// Answers requests on a UNIX socket (see protocol.hpp). Lives on the main thread's loop and never
// waits for a client. Anybody may connect, so that each user has so many connections and requests
// and root has places of its own (client_limits.hpp): the classes of a game are told over the same
// socket. Clients take turns, a request each: the next one of a client is answered once its socket
// takes an answer and all others that are ready have been served.
class StatsServer {
  public:
    struct Callbacks {
        // The statistics at this moment, as one line of JSON with its end.
        std::function<std::string()> stats;
        // Somebody who may has given the classes of processes.
        std::function<Status(const Request&)> classes;
        // Somebody who may has asked for the end.
        std::function<void()> stop;
    };
    // One subscription at its fastest is within the rate.
    static constexpr ClientLimits kLimits{
        .all = 32, .kept = 8, .per_user = 8, .requests_per_second = 120};
    // What a subscriber may leave unread.
    static constexpr std::size_t kMaxUnread = std::size_t{64} * 1024;

    // Creates the socket, and its directory if that is missing. A socket that a dead process left
    // behind is replaced; one that is answered is an error (EADDRINUSE). `loop` must live longer.
    static Result<std::unique_ptr<StatsServer>> open(EventLoop& loop, const std::string& path,
                                                     Callbacks callbacks,
                                                     const ClientLimits& limits = kLimits);
    StatsServer(const StatsServer&) = delete;
    StatsServer& operator=(const StatsServer&) = delete;
    // Removes the socket.
    ~StatsServer();

    [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  private:
    struct Client {
        UniqueFd fd;
        uid_t user = 0;
        LineReader reader;
        std::string unsent;
        std::optional<IntervalTimer> subscription;
        Nanos heard;              // when it came, or asked last
        bool asked = false;       // has had an answer
        bool waiting = false;     // its user has asked too much: it is not read from for a moment
        bool turned_away = false; // one too many: may read why, and is not heard
        bool closing = false;     // as soon as all is sent
    };

    StatsServer(EventLoop& loop, std::string path, UniqueFd socket, Callbacks callbacks,
                const ClientLimits& limits);
    // False where nobody waits.
    bool accept_client();
    void on_client(int fd, std::uint32_t events);
    void turn_away(Client& client, const std::string& why);
    void read_from(Client& client);
    // Answers one request, unless the client has answers to take first.
    void take_turn(Client& client);
    // Looks after those who wait, who are silent and who were turned away.
    void look_after();
    // Sets how soon look_after() is due; never while there are no clients. Only where it has just
    // `looked` it may become later.
    void plan(bool looked = false);
    void answer(Client& client, const std::string& line);
    void subscribe(Client& client, Nanos interval);
    void send_stats(Client& client);
    static void queue(Client& client, const std::string& line);
    // Sends what the client takes; drops the client when it is done or gone.
    void flush(Client& client);
    void drop(int fd);

    EventLoop& loop_;
    std::string path_;
    UniqueFd socket_;
    Callbacks callbacks_;
    dev_t device_ = 0; // of the socket file, so that no other is removed
    ino_t inode_ = 0;
    Acceptor acceptor_;
    ClientBook book_;
    std::unordered_map<int, std::unique_ptr<Client>> clients_;
    std::optional<IntervalTimer> timer_;
    Nanos timer_interval_;
};

// A connection to the socket of a running scheduler; `flags` as in socket(2).
Result<UniqueFd> connect_to_socket(const std::string& path, int flags = 0);

} // namespace rustland
