// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/unique_fd.hpp"

#include <string>
#include <string_view>

namespace rustland::supervisor {

// Sends datagrams to the socket of another service and never waits for it: where that one does not
// read, its queue is full and the datagram is not sent.
class DatagramSender {
  public:
    // A path, or a name that begins with '@' (unix(7), abstract). The service may come later.
    explicit DatagramSender(std::string address);

    enum class Sent { Yes, Full, Unreachable, TooLong };
    [[nodiscard]] Sent send(std::string_view datagram) const;

  private:
    std::string address_;
    UniqueFd socket_;
};

} // namespace rustland::supervisor
