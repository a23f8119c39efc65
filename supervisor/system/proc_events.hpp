// SPDX-License-Identifier: GPL-2.0-only
// The kernel's process events (netlink proc connector): who called exec, who was renamed.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/common/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rustland::supervisor {

struct ProcessEvent {
    enum class Kind { Exec, Comm, Other };
    Kind kind = Kind::Other;
    Pid thread;
    Pid group;
};

// The events in one netlink datagram; what is not understood is left out.
std::vector<ProcessEvent> parse_proc_events(std::span<const std::byte> datagram);

class ProcEvents {
  public:
    // Subscribes, masked to exec and rename where the kernel can (Linux 6.6), and proves with an
    // event of our own that something arrives: in a PID or user namespace the kernel ignores the
    // subscription without an error.
    static Result<ProcEvents> open(std::uint64_t buffer_size);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool masked() const { return masked_; }

    struct Batch {
        std::vector<ProcessEvent> events;
        bool overrun = false; // some were lost: look at everything again
        bool more = false;    // the limit was reached before the socket was empty
    };
    // Reads what is there, up to `limit` datagrams.
    Result<Batch> read(int limit);

  private:
    Status subscribe(bool masked);
    [[nodiscard]] bool proved();

    UniqueFd fd_;
    bool masked_ = false;
};

} // namespace rustland::supervisor
