// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

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
};

// A connection to the daemon's socket; blocking.
class Client : public Connection {
  public:
    // `patience`: how long the daemon may take for anything; 0: for ever.
    static Result<Client> connect(const std::string& path, std::chrono::seconds patience);

    Status send(const nlohmann::json& request);
    // The next line; an error where the daemon has gone.
    Result<nlohmann::json> receive();
    Result<nlohmann::json> ask(const nlohmann::json& request) override;
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
    std::string buffer_;
};

} // namespace rustland::supervisor
