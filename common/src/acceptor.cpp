// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/acceptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

namespace rustland {
namespace {

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

int accept_from(int listener) {
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

} // namespace

Acceptor::Acceptor() : spare_(open_spare()) {}

UniqueFd Acceptor::accept(int listener) {
    UniqueFd connection(accept_from(listener));
    if (connection || (errno != EMFILE && errno != ENFILE))
        return connection;
    spare_.reset();
    connection.reset(accept_from(listener));
    connection.reset();
    spare_.reset(open_spare());
    return connection;
}

} // namespace rustland
