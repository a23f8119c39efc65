// SPDX-License-Identifier: GPL-2.0-only
#include "pinned.hpp"

#include "support.hpp"

#include <cerrno>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

// The verifier follows each turn of the loop, which takes its time: not too many of them.
constexpr std::int32_t kTurns = 20000;

long bpf(int command, bpf_attr& attributes) {
    return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

std::uint64_t address(const void* pointer) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how bpf(2) takes pointers
    return reinterpret_cast<std::uint64_t>(pointer);
}

} // namespace

PinnedLoop PinnedLoop::load() {
    const bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        // NOLINTNEXTLINE(misc-redundant-expression): two of these names are 0
        {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
        {.code = BPF_JMP | BPF_JLT | BPF_K, .dst_reg = 0, .src_reg = 0, .off = -2, .imm = kTurns},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    };
    static const char license[] = "GPL";
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SYSCALL;
    attributes.prog_flags = BPF_F_SLEEPABLE;
    attributes.insns = address(program);
    attributes.insn_cnt = sizeof(program) / sizeof(program[0]);
    attributes.license = address(license);
    const long fd = bpf(BPF_PROG_LOAD, attributes);
    if (fd < 0)
        die("BPF_PROG_LOAD", errno);
    return PinnedLoop(UniqueFd(static_cast<int>(fd)));
}

void PinnedLoop::run() const {
    bpf_attr attributes{};
    attributes.test.prog_fd = static_cast<std::uint32_t>(program_.get());
    if (bpf(BPF_PROG_TEST_RUN, attributes) != 0)
        die("BPF_PROG_TEST_RUN", errno);
}

} // namespace rustland::vm
