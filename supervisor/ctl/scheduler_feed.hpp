// SPDX-License-Identifier: GPL-2.0-only
// The statistics of the running scheduler, read from its socket (see scheduler/protocol.hpp).
#pragma once

#include "stats.hpp"
#include "supervisor/ctl/client.hpp"
#include "waits.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rustland::supervisor {

inline constexpr const char* kSchedulerSocket = "/run/rustland/scheduler.sock";

// What the scheduler said at one moment.
struct SchedulerSample {
    std::string version;
    std::string policy;
    std::int64_t pid = 0;
    Values values; // in the order of stats_fields()
    std::optional<Waits> waits;

    [[nodiscard]] Value value(std::string_view name) const;
};

// Pure: from an answer. Unknown statistics are passed over, missing ones are unknown.
Result<SchedulerSample> sample_from(const nlohmann::json& answer);

// Asks once.
Result<SchedulerSample> read_scheduler(const std::string& socket);

// A sample now and one each interval.
class SchedulerFeed {
  public:
    static Result<SchedulerFeed> open(const std::string& socket,
                                      std::chrono::milliseconds interval);
    // Waits for it; an error when the scheduler has ended.
    Result<SchedulerSample> next();
    [[nodiscard]] int fd() const { return client_.fd(); }

  private:
    explicit SchedulerFeed(Client client) : client_(std::move(client)) {}
    Client client_;
};

} // namespace rustland::supervisor
