// SPDX-License-Identifier: GPL-2.0-only
// org.rustland1 on the system bus: the daemon's requests as methods, its status as properties, what
// changes as signals. Who may call what is asked of polkit.
#pragma once

#include "supervisor/system/authority.hpp"
#include "supervisor/system/bus.hpp"
#include "supervisor/system/daemon.hpp"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

inline constexpr const char* kBusName = "org.rustland1";
inline constexpr const char* kBusPath = "/org/rustland1";
inline constexpr const char* kBusInterface = "org.rustland1.Manager";
// Not the bus's own AccessDenied: clients print that without the reason.
inline constexpr const char* kBusDenied = "org.rustland1.Error.NotAuthorized";

class BusService {
  public:
    // Serves while it lives, now and after each time the bus comes back.
    static std::unique_ptr<BusService> create(Bus& bus, Daemon& daemon);
    BusService(const BusService&) = delete;
    BusService& operator=(const BusService&) = delete;
    BusService(BusService&&) = delete;
    BusService& operator=(BusService&&) = delete;
    ~BusService();

    // For sd-bus alone.
    int method(sd_bus_message* message);
    int property(const char* name, sd_bus_message* reply) const;
    void client_left(const std::string& name);

  private:
    BusService(Bus& bus, Daemon& daemon) : bus_(bus), daemon_(daemon), authority_(bus) {}

    struct Call;
    struct Client {
        ClientId id = 0;
    };

    void publish();
    void withdraw();
    void identified(const std::shared_ptr<Call>& call, const Result<Sender>& sender);
    void allowed(const std::shared_ptr<Call>& call);
    ClientId client(const std::string& name);
    void changed();
    void happened(const HistoryEntry& entry);

    Bus& bus_;
    Daemon& daemon_;
    Authority authority_;
    std::shared_ptr<int> life_ = std::make_shared<int>();
    sd_bus_slot* object_ = nullptr;
    sd_bus_slot* name_ = nullptr;
    BusSlot vanished_;    // names that nobody has any more
    nlohmann::json last_; // the status as it was last told
    std::map<std::string, std::unique_ptr<Client>> clients_;
    ClientId next_client_ = ClientId{1} << 32U; // apart from those of the socket
};

} // namespace rustland::supervisor
