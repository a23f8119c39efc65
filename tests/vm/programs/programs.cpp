// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/unique_fd.hpp"

#include <cerrno>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

long bpf(int command, bpf_attr& attributes) {
    return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

// False when the program has gone since its number was read.
bool print(std::uint32_t id) {
    bpf_attr attributes{};
    attributes.prog_id = id;
    const long got = bpf(BPF_PROG_GET_FD_BY_ID, attributes);
    if (got < 0) {
        if (errno != ENOENT)
            die("BPF_PROG_GET_FD_BY_ID", errno);
        return false;
    }
    const UniqueFd fd(static_cast<int>(got));
    bpf_prog_info info{};
    attributes = {};
    attributes.info.bpf_fd = static_cast<std::uint32_t>(fd.get());
    attributes.info.info_len = sizeof(info);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how bpf(2) takes pointers
    attributes.info.info = reinterpret_cast<std::uint64_t>(&info);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) != 0)
        die("BPF_OBJ_GET_INFO_BY_FD", errno);
    fmt::print("{} runs={} ns={} jited_bytes={}\n",
               info.name[0] != '\0' ? static_cast<const char*>(info.name) : "unnamed",
               static_cast<std::uint64_t>(info.run_cnt),
               static_cast<std::uint64_t>(info.run_time_ns), info.jited_prog_len);
    return true;
}

} // namespace

int bpf_programs() {
    bpf_attr attributes{};
    unsigned printed = 0;
    for (;;) {
        if (bpf(BPF_PROG_GET_NEXT_ID, attributes) != 0) {
            if (errno != ENOENT)
                die("BPF_PROG_GET_NEXT_ID", errno);
            break;
        }
        const std::uint32_t id = attributes.next_id;
        if (print(id))
            ++printed;
        attributes = {};
        attributes.start_id = id;
    }
    return printed > 0 ? 0 : 1;
}

} // namespace rustland::vm
