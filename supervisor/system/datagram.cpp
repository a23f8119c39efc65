// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/datagram.hpp"

#include <cerrno>
#include <cstddef>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace rustland::supervisor {
namespace {

// What a scheduler leaves when it ends fits in one datagram.
constexpr int kSendBuffer = 1 << 20;

} // namespace

DatagramSender::DatagramSender(std::string address)
    : address_(std::move(address)),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    // Beyond the limit for everybody where we may; what does not fit is told as TooLong.
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof(int)) != 0)
        static_cast<void>(
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(int)));
}

DatagramSender::Sent DatagramSender::send(std::string_view datagram) const {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address_.empty() || address_.size() >= sizeof(to.sun_path))
        return Sent::Unreachable;
    address_.copy(to.sun_path, sizeof(to.sun_path) - 1);
    if (address_.front() == '@')
        to.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    if (::sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL,
                 // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
                 reinterpret_cast<const sockaddr*>(&to), size) >= 0)
        return Sent::Yes;
    if (errno == EMSGSIZE)
        return Sent::TooLong;
    return errno == EAGAIN || errno == ENOBUFS ? Sent::Full : Sent::Unreachable;
}

} // namespace rustland::supervisor
