// SPDX-License-Identifier: GPL-2.0-only
// org.rustland1 on the system bus: the daemon's requests as methods, its status as properties, what
// changes as signals. Who may call what is asked of polkit.
#pragma once

#include "rustland/common/client_limits.hpp"
#include "supervisor/system/authority.hpp"
#include "supervisor/system/bus.hpp"
#include "supervisor/system/daemon.hpp"

#include <functional>
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

struct BusServiceOptions {
    // Of method calls of one user. Those above it are answered with an error.
    ClientLimits limits{.requests_per_second = 20, .burst = 100};
    // For so long one who has the name may go on to have it: a daemon on its way out.
    Nanos name_patience = seconds(5);
    // Somebody else has the name for longer, and we have never had it.
    std::function<void()> name_taken;
};

class BusService {
  public:
    // Serves while it lives, now and after each time the bus comes back. An error where there is no
    // timer to be had.
    static Result<std::unique_ptr<BusService>> create(Bus& bus, Daemon& daemon,
                                                      BusServiceOptions options = {});
    BusService(const BusService&) = delete;
    BusService& operator=(const BusService&) = delete;
    BusService(BusService&&) = delete;
    BusService& operator=(BusService&&) = delete;
    ~BusService();

    // For sd-bus alone.
    int method(sd_bus_message* message);
    int property(const char* name, sd_bus_message* reply);
    void name_answered(sd_bus_message* answer);
    void client_left(const std::string& name);

  private:
    BusService(Bus& bus, Daemon& daemon, BusServiceOptions options)
        : bus_(bus), daemon_(daemon), authority_(bus), options_(std::move(options)),
          rate_(options_.limits) {}

    struct Call;
    struct Client {
        ClientId id = 0;
    };

    void publish();
    void withdraw();
    void ask_for_name();
    void identified(const std::shared_ptr<Call>& call, const Result<Sender>& sender);
    void allowed(const std::shared_ptr<Call>& call);
    ClientId client(const std::string& name);
    void changed();
    void happened(const HistoryEntry& entry);

    Bus& bus_;
    Daemon& daemon_;
    Authority authority_;
    BusServiceOptions options_;
    ClientBook rate_;
    Source name_timer_;     // asks for the name again
    Nanos name_asked_;      // for the first time on this connection
    bool had_name_ = false; // on this connection or an earlier one
    nlohmann::json shown_;  // the status, for the properties of one call …
    Nanos shown_at_;        // … read then
    std::shared_ptr<int> life_ = std::make_shared<int>();
    sd_bus_slot* object_ = nullptr;
    sd_bus_slot* name_ = nullptr;
    BusSlot vanished_;    // names that nobody has any more
    nlohmann::json last_; // the status as it was last told
    std::map<std::string, std::unique_ptr<Client>> clients_;
    ClientId next_client_ = ClientId{1} << 32U; // apart from those of the socket
};

} // namespace rustland::supervisor
