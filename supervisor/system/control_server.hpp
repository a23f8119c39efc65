// SPDX-License-Identifier: GPL-2.0-only
// The local socket: JSON lines, one request each, one answer each (more for "monitor").
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/loop.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace rustland::supervisor {

// One line to a request: an object with a string "request". Anything else is an error that says so.
Result<nlohmann::json> parse_request(std::string_view line);

using ClientId = std::uint64_t;

// What a client may do; each right includes those before it.
enum class Right { Look, Hold, Manage };

struct Peer {
    ClientId id = 0;
    uid_t uid = 0;
    Pid pid;
    // Given beyond what the uid gives: by polkit, for those on the bus.
    Right right = Right::Look;
};

class ControlServer {
  public:
    struct Handlers {
        std::function<void(const Peer&, const nlohmann::json&)> request;
        std::function<void(ClientId)> left;
    };
    static Result<std::unique_ptr<ControlServer>> listen(Loop& loop, const std::string& path,
                                                         Handlers handlers);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ControlServer(ControlServer&&) = delete;
    ControlServer& operator=(ControlServer&&) = delete;
    ~ControlServer();

    // One answer; dropped where the client has left. A client that does not read is cut off.
    void send(ClientId id, const nlohmann::json& answer);
    [[nodiscard]] std::size_t clients() const { return clients_.size(); }

  private:
    struct Client {
        Peer peer;
        UniqueFd fd;
        Source source;
        std::string in;
        std::string out;
    };
    ControlServer(Loop& loop, std::string path, Handlers handlers)
        : loop_(loop), path_(std::move(path)), handlers_(std::move(handlers)) {}
    void accept();
    void ready(ClientId id, std::uint32_t events);
    bool read(Client& client);
    bool flush(Client& client);
    void drop(ClientId id);

    Loop& loop_;
    std::string path_;
    Handlers handlers_;
    UniqueFd fd_;
    Source source_;
    std::map<ClientId, Client> clients_;
    ClientId next_ = 1;
};

} // namespace rustland::supervisor
