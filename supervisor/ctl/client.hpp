// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"
#include "supervisor/ctl/absent_daemon.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

// A way to ask the daemon.
class Connection {
  public:
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Connection(Connection&&) = default;
    Connection& operator=(Connection&&) = default;
    virtual ~Connection() = default;
    // One request, one answer; an answer that is not ok is an error.
    virtual Result<nlohmann::json> ask(const nlohmann::json& request) = 0;
    // A descriptor that can be read, or has hung up, once the daemon has ended; -1 where that
    // cannot be known.
    [[nodiscard]] virtual int end_fd() const = 0;
};

// What is said of a scheduler that does not answer at `socket`.
std::string no_scheduler(const std::string& socket);

// Who listens on a socket, for errors.
struct Listener {
    const char* name = "rustlandd";
    // What is said, with what to do, where nobody listens.
    std::string (*absent)(const std::string& socket) = no_daemon;
};
inline constexpr Listener kSchedulerListener{"rustland", no_scheduler};

// A connection to a socket that takes and answers lines of JSON; blocking.
class Client : public Connection {
  public:
    // `patience`: how long the daemon may take for anything; 0: for ever.
    static Result<Client> connect(const std::string& path, std::chrono::seconds patience,
                                  Listener listener = {});

    Status send(const nlohmann::json& request);
    // The next line; an error where the listener has gone.
    Result<nlohmann::json> receive();
    Result<nlohmann::json> ask(const nlohmann::json& request) override;
    [[nodiscard]] int end_fd() const override { return fd_.get(); }
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    Client(UniqueFd fd, Listener listener) : fd_(std::move(fd)), listener_(listener) {}
    [[nodiscard]] Error silent() const;
    UniqueFd fd_;
    Listener listener_;
    std::string buffer_;
};

} // namespace rustland::supervisor
