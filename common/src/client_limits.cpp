// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/client_limits.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace rustland {

std::optional<std::string> ClientBook::refusal(uid_t user) const {
    if (privileged(user)) {
        if (connections_ < limits_.all)
            return std::nullopt;
        return "too many clients: all places are taken, try again later";
    }
    const auto known = users_.find(user);
    if (known != users_.end() && known->second.connections >= limits_.per_user)
        return fmt::format("too many clients: user {} has {} connections already, close one", user,
                           known->second.connections);
    if (connections_ + limits_.kept >= limits_.all)
        return "too many clients: the places that are left are kept for root, try again later";
    return std::nullopt;
}

void ClientBook::came(uid_t user, Nanos now) {
    forget_absent(now);
    auto [it, inserted] = users_.try_emplace(user);
    if (inserted)
        it->second = {0, limits_.burst, now};
    ++it->second.connections;
    ++connections_;
}

void ClientBook::left(uid_t user) {
    const auto it = users_.find(user);
    if (it == users_.end() || it->second.connections == 0)
        return;
    --it->second.connections;
    --connections_;
}

bool ClientBook::take_request(uid_t user, Nanos now) {
    const auto it = users_.find(user);
    if (privileged(user) || it == users_.end())
        return true;
    User& known = it->second;
    known.allowance = allowance(known, now);
    known.at = now;
    if (known.allowance < 1)
        return false;
    known.allowance -= 1;
    return true;
}

bool ClientBook::silent_too_long(uid_t user, bool asked, Nanos last_heard, Nanos now) const {
    return !privileged(user) && now - last_heard >= (asked ? limits_.idle : limits_.first_request);
}

double ClientBook::allowance(const User& user, Nanos now) const {
    const double passed = static_cast<double>((now - user.at).value) / 1e9;
    return std::min(limits_.burst, user.allowance + passed * limits_.requests_per_second);
}

void ClientBook::forget_absent(Nanos now) {
    std::erase_if(users_, [&](const auto& entry) {
        return entry.second.connections == 0 && allowance(entry.second, now) >= limits_.burst;
    });
}

} // namespace rustland
