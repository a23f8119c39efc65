// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <string>

namespace rustland {

// Why the kernel ended the scheduling, from its struct scx_exit_info. The numbers of `kind` are the
// kernel's enum scx_exit_kind.
struct ExitInfo {
    static constexpr std::uint32_t kNone = 0;
    static constexpr std::uint32_t kUnregistered = 64; // we detached
    static constexpr std::uint32_t kUnregisteredByBpf = 65;
    static constexpr std::uint32_t kUnregisteredByKernel = 66;
    static constexpr std::uint32_t kSysRq = 67;
    static constexpr std::uint32_t kError = 1024; // this and all above are errors
    static constexpr std::uint32_t kErrorStall = 1026;
    static constexpr std::int64_t kActionRestart = std::int64_t{1} << 48;

    std::uint32_t kind = kNone;
    std::int64_t code = 0;
    std::string reason;
    std::string message;
    std::string dump; // the kernel's debug dump; empty unless it was an error

    [[nodiscard]] bool ended() const { return kind != kNone; }
};

} // namespace rustland
