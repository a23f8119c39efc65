// SPDX-License-Identifier: GPL-2.0-only
// The texts of the bus interface: JSON, as the daemon speaks it, to messages and back.
#pragma once

#include "rustland/common/unique_fd.hpp"
#include "supervisor/system/bus.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace rustland::supervisor {

inline constexpr const char* kBusFailed = "org.rustland1.Error.Failed";

// A method call as the daemon's request. Empty "request": not one of ours.
struct BusRequest {
    nlohmann::json body;
    UniqueFd pidfd;
    const char* action = nullptr; // what polkit must allow; null: anybody may
};
Result<BusRequest> read_bus_request(sd_bus_message* message);

// The daemon's answer as the reply to this method.
int send_bus_answer(sd_bus_message* call, const nlohmann::json& answer);

// Appends one property's value. Negative: -errno.
int append_property(sd_bus_message* reply, const std::string& name, const nlohmann::json& status);

// Names of the properties that differ between two statuses.
std::vector<std::string> changed_properties(const nlohmann::json& before,
                                            const nlohmann::json& after);

} // namespace rustland::supervisor
