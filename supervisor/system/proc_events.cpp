// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/proc_events.hpp"

#include "rustland/common/clock.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

// From Linux 6.6 on; older headers do not have them.
constexpr std::uint32_t kEventExec = 0x00000002;
constexpr std::uint32_t kEventComm = 0x00000200;

// Offsets in a datagram: netlink header, connector header, event. cn_msg ends in a flexible array,
// so the parts are put together in a buffer.
constexpr std::size_t kConnectorAt = NLMSG_HDRLEN;
constexpr std::size_t kEventAt = kConnectorAt + sizeof(cn_msg);
// The event's own header (what, cpu, timestamp) and the two ids that we read after it.
constexpr std::size_t kEventHeader = 16;
constexpr std::size_t kEventSize = kEventHeader + 8;

template <typename T> T load(std::span<const std::byte> bytes, std::size_t at) {
    T value{};
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

template <typename T> void append(std::vector<std::byte>& buffer, const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    buffer.insert(buffer.end(), bytes, bytes + sizeof(value));
}

} // namespace

std::vector<ProcessEvent> parse_proc_events(std::span<const std::byte> datagram) {
    std::vector<ProcessEvent> events;
    while (datagram.size() >= kEventAt) {
        const auto header = load<nlmsghdr>(datagram, 0);
        if (header.nlmsg_len < kEventAt || header.nlmsg_len > datagram.size())
            break;
        const auto id = load<cb_id>(datagram, kConnectorAt);
        if (header.nlmsg_type == NLMSG_DONE && id.idx == CN_IDX_PROC && id.val == CN_VAL_PROC &&
            header.nlmsg_len >= kEventAt + kEventSize) {
            const auto what = load<std::uint32_t>(datagram, kEventAt);
            ProcessEvent event;
            event.thread = Pid{load<std::int32_t>(datagram, kEventAt + kEventHeader)};
            event.group = Pid{load<std::int32_t>(datagram, kEventAt + kEventHeader + 4)};
            if (what == kEventExec)
                event.kind = ProcessEvent::Kind::Exec;
            else if (what == kEventComm)
                event.kind = ProcessEvent::Kind::Comm;
            events.push_back(event);
        }
        const std::size_t step = NLMSG_ALIGN(std::size_t{header.nlmsg_len});
        datagram = datagram.subspan(std::min(step, datagram.size()));
    }
    return events;
}

Result<ProcEvents> ProcEvents::open(std::uint64_t buffer_size) {
    ProcEvents self;
    for (const bool masked : {true, false}) {
        self.fd_.reset(
            ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
        if (!self.fd_)
            return Error::from_errno("process events");
        sockaddr_nl address{};
        address.nl_family = AF_NETLINK;
        address.nl_groups = CN_IDX_PROC;
        if (::bind(self.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
            0)
            return Error::from_errno("process events (needs root and the kernel's PROC_EVENTS)");
        const int size = static_cast<int>(std::min<std::uint64_t>(buffer_size, 1U << 30U));
        if (::setsockopt(self.fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
            // Without the privilege the system's limit holds: more scans, nothing lost.
            ::setsockopt(self.fd_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        if (const Status status = self.subscribe(masked); !status)
            return status.error();
        if (self.proved()) {
            self.masked_ = masked;
            return self;
        }
    }
    return Error("process events: the kernel sends none here (a container or a PID namespace)");
}

Status ProcEvents::subscribe(bool masked) {
    std::vector<std::byte> message;
    const std::uint32_t payload = masked ? 8 : 4;
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(kEventAt) + payload;
    header.nlmsg_type = NLMSG_DONE;
    header.nlmsg_pid = static_cast<std::uint32_t>(::getpid());
    append(message, header);
    append(message, cb_id{CN_IDX_PROC, CN_VAL_PROC});
    append(message, std::uint32_t{0}); // sequence
    append(message, std::uint32_t{0}); // acknowledgement
    append(message, static_cast<std::uint16_t>(payload));
    append(message, std::uint16_t{0}); // flags
    append(message, static_cast<std::uint32_t>(PROC_CN_MCAST_LISTEN));
    if (masked)
        append(message, kEventExec | kEventComm);
    if (::send(fd_.get(), message.data(), message.size(), 0) < 0)
        return Error::from_errno("process events (not in the initial network namespace?)");
    return {};
}

bool ProcEvents::proved() {
    // Naming ourselves what we are already called is an event all the same.
    std::array<char, 16> name{};
    if (::prctl(PR_GET_NAME, name.data()) != 0 || ::prctl(PR_SET_NAME, name.data()) != 0)
        return false;
    const Nanos deadline = monotonic_now() + millis(200);
    for (Nanos now = monotonic_now(); now < deadline; now = monotonic_now()) {
        pollfd ready{fd_.get(), POLLIN, 0};
        const auto wait = static_cast<int>((deadline - now).value / 1'000'000) + 1;
        if (::poll(&ready, 1, wait) <= 0)
            continue;
        const auto batch = read(1000);
        if (!batch)
            return false;
        if (std::any_of(batch->events.begin(), batch->events.end(), [](const ProcessEvent& e) {
                return e.kind == ProcessEvent::Kind::Comm && e.group.value == ::getpid();
            }))
            return true;
    }
    return false;
}

Result<ProcEvents::Batch> ProcEvents::read(int limit) {
    Batch batch;
    std::array<std::byte, 8192> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (int i = 0; i < limit; ++i) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof(from);
        const ssize_t n = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &from_size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) {
            batch.overrun = true;
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return batch;
        if (n < 0)
            return Error::from_errno("process events");
        if (from.nl_pid != 0)
            continue; // only the kernel is believed
        const auto events =
            parse_proc_events(std::span(buffer.data(), static_cast<std::size_t>(n)));
        batch.events.insert(batch.events.end(), events.begin(), events.end());
    }
    batch.more = true;
    return batch;
}

} // namespace rustland::supervisor
