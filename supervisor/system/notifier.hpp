// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "supervisor/system/datagram.hpp"
#include "supervisor/system/loop.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace rustland::supervisor {

// Tells the service manager how we are, as sd_notify(3) does, and never waits for it: what it does
// not take is told again a moment later, in the same order.
class Notifier {
  public:
    // `address`: NOTIFY_SOCKET; empty: nobody wants to know.
    static Result<std::unique_ptr<Notifier>> create(Loop& loop, const std::string& address);
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;
    ~Notifier() = default;

    void tell(std::string state);
    // Says that we are alive, from now on and twice in each `span`; never where it is zero.
    void keep_alive(Nanos span);
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  private:
    explicit Notifier(const std::string& address) {
        if (!address.empty())
            socket_.emplace(address);
    }
    void flush();
    void alive();

    std::optional<DatagramSender> socket_;
    std::deque<std::string> waiting_;
    Source again_;
    Source alive_;
    Nanos beat_;
};

} // namespace rustland::supervisor
