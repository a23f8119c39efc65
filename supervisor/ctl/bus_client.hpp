// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/system/bus.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

// The daemon on the system bus, for what the socket lets only root do; blocking. A hold lasts as
// long as this process.
class BusClient : public Connection {
  public:
    // `address` empty: the system bus. An error where the daemon is not on it.
    static Result<std::unique_ptr<BusClient>> connect(const std::string& address);
    Result<nlohmann::json> ask(const nlohmann::json& request) override;
    [[nodiscard]] int end_fd() const override { return daemon_.get(); }

    // True for the requests that it can carry.
    static bool carries(const nlohmann::json& request);

  private:
    struct Close {
        void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    };
    explicit BusClient(sd_bus* bus) : bus_(bus) {}
    std::unique_ptr<sd_bus, Close> bus_;
    UniqueFd daemon_; // its process
};

// What an error of the bus itself means, with an errno that tells a daemon that has gone; an error
// of the daemon's own as it is.
Error bus_error(const std::string& name, const std::string& message, int code);

} // namespace rustland::supervisor
