// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/sched_ext.hpp"

#include "rustland/common/file.hpp"

#include <array>
#include <charconv>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

std::uint64_t number(const Result<std::string>& text) {
    std::uint64_t value = 0;
    if (text)
        std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
}

// Uevents of other devices come in bursts at boot and on plugging.
constexpr int kUeventBuffer = 1 << 20;
constexpr std::uint32_t kKernelGroup = 1;

} // namespace

KernelState SchedExtReader::read() const {
    KernelState kernel;
    const auto state = read_line(root_ + "/state");
    if (!state)
        return kernel;
    kernel.supported = true;
    kernel.state = *state;
    const auto ops = read_line(root_ + "/root/ops");
    if (ops && !ops->empty())
        kernel.ops = *ops;
    kernel.enable_seq = number(read_line(root_ + "/enable_seq"));
    kernel.rejected = number(read_line(root_ + "/nr_rejected"));
    return kernel;
}

bool is_sched_ext_uevent(std::string_view datagram) {
    const std::size_t at = datagram.find('@');
    if (at == std::string_view::npos)
        return false;
    return datagram.substr(at + 1).starts_with("/kernel/sched_ext");
}

bool is_power_uevent(std::string_view datagram) {
    constexpr std::string_view subsystem("\0SUBSYSTEM=power_supply\0", 24);
    return datagram.find(subsystem) != std::string_view::npos;
}

Result<UeventSocket> UeventSocket::open() {
    UeventSocket self;
    self.fd_.reset(
        ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    if (!self.fd_)
        return Error::from_errno("kernel uevents");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = kKernelGroup;
    if (::bind(self.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return Error::from_errno("kernel uevents");
    ::setsockopt(self.fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kUeventBuffer, sizeof(kUeventBuffer));
    return self;
}

UeventSocket::Seen UeventSocket::drain() {
    Seen seen;
    std::array<char, 8192> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        sockaddr_nl from{};
        socklen_t size = sizeof(from);
        const ssize_t n = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &size);
        if (n < 0 && errno == ENOBUFS) {
            seen = {true, true};
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return seen;
        if (from.nl_pid != 0)
            continue; // only the kernel is believed
        const std::string_view datagram(buffer.data(), static_cast<std::size_t>(n));
        seen.sched_ext = seen.sched_ext || is_sched_ext_uevent(datagram);
        seen.power = seen.power || is_power_uevent(datagram);
    }
}

} // namespace rustland::supervisor
