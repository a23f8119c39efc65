// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/unique_fd.hpp"

namespace rustland {

// Takes connections from a listening socket, also where the process has no descriptor left: then
// the connection is closed at once, instead of waiting in front of a loop that finds the socket
// ready again and again.
class Acceptor {
  public:
    Acceptor();
    // Non-blocking and close-on-exec; invalid where nobody waits or it had to be turned away.
    UniqueFd accept(int listener);

  private:
    UniqueFd spare_; // given up for the moment that turning somebody away takes
};

} // namespace rustland
