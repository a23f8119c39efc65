// SPDX-License-Identifier: GPL-2.0-only
// What a socket that everybody may connect to takes from whom, so that nobody keeps the others out.
// Pure: users and times come in.
#pragma once

#include "rustland/common/types.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>

namespace rustland {

struct ClientLimits {
    uid_t privileged = 0;              // this user has the kept places and no limit of its own
    std::size_t all = 64;              // connections together
    std::size_t kept = 8;              // of them, for the privileged user alone
    std::size_t per_user = 16;         // connections of one user
    double requests_per_second = 50;   // of one user, over all its connections …
    double burst = 200;                // … and this many at once
    Nanos first_request = seconds(10); // a connection that has asked nothing by then is closed
    Nanos idle = seconds(60);          // one that asks nothing more for this long, too
    Nanos farewell = seconds(1);       // how long one that is turned away may read why
};

class ClientBook {
  public:
    explicit ClientBook(const ClientLimits& limits) : limits_(limits) {}

    // Why this user may have no connection more; nothing where it may.
    [[nodiscard]] std::optional<std::string> refusal(uid_t user) const;
    void came(uid_t user, Nanos now);
    void left(uid_t user);

    // Takes one request out of the user's allowance. False: not yet, ask again a moment later.
    bool take_request(uid_t user, Nanos now);

    // The same for one who has no connection here, or is not asked for it.
    bool take_single(uid_t user, Nanos now) {
        came(user, now);
        const bool taken = take_request(user, now);
        left(user); // its allowance is remembered
        return taken;
    }

    [[nodiscard]] bool privileged(uid_t user) const { return user == limits_.privileged; }
    // Whether a connection has been silent for too long. `asked`: it has had a request answered.
    [[nodiscard]] bool silent_too_long(uid_t user, bool asked, Nanos last_heard, Nanos now) const;
    [[nodiscard]] const ClientLimits& limits() const { return limits_; }
    [[nodiscard]] std::size_t connections() const { return connections_; }

  private:
    struct User {
        std::size_t connections = 0;
        double allowance = 0;
        Nanos at; // when the allowance was what it says
    };
    [[nodiscard]] double allowance(const User& user, Nanos now) const;
    // Users who have left and whose allowance is whole again are as good as unknown.
    void forget_absent(Nanos now);

    ClientLimits limits_;
    std::map<uid_t, User> users_;
    std::size_t connections_ = 0;
};

} // namespace rustland
