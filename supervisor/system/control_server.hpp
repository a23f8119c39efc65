// SPDX-License-Identifier: GPL-2.0-only
// The local socket: JSON lines, one request each, one answer each (more for "monitor").
#pragma once

#include "rustland/common/acceptor.hpp"
#include "rustland/common/client_limits.hpp"
#include "rustland/common/line_reader.hpp"
#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace rustland::supervisor {

// One line to a request: an object with a string "request". Anything else is an error that says so.
Result<nlohmann::json> parse_request(std::string_view line);

using ClientId = std::uint64_t;

// What a client may do; each right includes those before it.
// RunProgram: also programs and arguments that the configuration does not name.
enum class Right { Look, Hold, Manage, RunProgram };

struct Peer {
    ClientId id = 0;
    uid_t uid = 0;
    Pid pid;
    // Given beyond what the uid gives: by polkit, for those on the bus.
    Right right = Right::Look;

    // Root, and whoever runs the daemon, may do everything.
    [[nodiscard]] bool may(Right wanted) const;
};

// Clients take turns, a request each: the next one of a client is answered once its socket takes
// an answer and all others that are ready have been served.
class ControlServer {
  public:
    struct Handlers {
        std::function<void(const Peer&, const nlohmann::json&)> request;
        std::function<void(ClientId)> left;
        // Whether it waits for something or holds something, and so may be silent.
        std::function<bool(ClientId)> busy = {};
    };
    // Anybody may connect, so that each user has so many connections and requests, and whoever runs
    // the daemon has places of its own.
    static constexpr ClientLimits kLimits{.all = 64, .kept = 8, .per_user = 16};
    static Result<std::unique_ptr<ControlServer>> listen(Loop& loop, const std::string& path,
                                                         Handlers handlers,
                                                         const ClientLimits& limits = kLimits);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ControlServer(ControlServer&&) = delete;
    ControlServer& operator=(ControlServer&&) = delete;
    ~ControlServer();

    // Listens anew where the socket's path leads to it no more: somebody has removed the file.
    // Those who are connected stay. It notices that by itself; call it to try again after an error.
    Status keep_path();

    // One answer; dropped where the client has left. A client that does not read is cut off.
    void send(ClientId id, const nlohmann::json& answer);
    [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  private:
    struct Client {
        Peer peer;
        UniqueFd fd;
        Source source;
        LineReader in;
        std::string out;
        Nanos heard;              // when it came, or asked last
        bool asked = false;       // has asked something
        bool waiting = false;     // its user has asked too much: it is not read from for a moment
        bool turned_away = false; // one too many: may read why, and is not heard
    };
    // Which file a path leads to; nothing where there is none.
    struct FileId {
        dev_t device = 0;
        ino_t inode = 0;
        bool operator==(const FileId&) const = default;
    };
    [[nodiscard]] static std::optional<FileId> file_at(const std::string& path);
    Status open();
    // Has the kernel tell when the file is removed or renamed.
    void watch_path();

    ControlServer(Loop& loop, std::string path, Handlers handlers, const ClientLimits& limits)
        : loop_(loop), path_(std::move(path)), handlers_(std::move(handlers)), book_(limits) {}
    // False where nobody waits.
    bool accept();
    // Answers one request, unless the client has answers to take first.
    void take_turn(ClientId id);
    // Whether it waits for its turn.
    [[nodiscard]] static bool queued(const Client& client) {
        return (client.in.has_line() || client.in.overflown()) && !client.waiting;
    }
    static void watch(Client& client);
    // Looks after those who wait, who are silent and who were turned away.
    void look_after();
    // Sets when that is due; never while there is nothing to look after.
    void plan();
    void ready(ClientId id, std::uint32_t events);
    bool read(Client& client);
    bool flush(Client& client);
    void drop(ClientId id);

    Loop& loop_;
    std::string path_;
    Handlers handlers_;
    UniqueFd fd_;
    Source source_;
    std::optional<FileId> file_; // of our socket at path_
    UniqueFd inotify_;
    Source inotify_source_;
    Source timer_;
    std::optional<Nanos> due_; // when look_after() is
    Acceptor acceptor_;
    ClientBook book_;
    std::map<ClientId, Client> clients_;
    ClientId next_ = 1;
};

} // namespace rustland::supervisor
