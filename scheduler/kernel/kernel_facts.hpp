// SPDX-License-Identifier: GPL-2.0-only
// What loading the BPF program needs to know of the running kernel's types, found by one walk
// through them.
#pragma once

#include "rustland/common/result.hpp"

#include "kfunc_list.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

namespace rustland {

struct KernelFacts {
    // Type numbers by the numbers of kfunc_list.h; 0: this kernel has no such function.
    std::array<std::uint32_t, RL_NR_KFUNCS> kfuncs{};
    std::set<std::string, std::less<>> ops_members;              // of struct sched_ext_ops
    std::map<std::string, std::uint64_t, std::less<>> ops_flags; // of enum scx_ops_flags

    // A bit for each function that is there.
    [[nodiscard]] std::uint64_t kfunc_bits() const;
    // The value of a flag, 0 where this kernel does not have it.
    [[nodiscard]] std::uint64_t flag(const std::string& name) const;
};

// From type information (BTF) in the machine's own byte order. An error where it is damaged, has a
// kind of type that is not known, lacks struct sched_ext_ops or a function that is needed.
Result<KernelFacts> read_kernel_facts(std::span<const std::byte> types);
// From what a file holds; the running kernel's is /sys/kernel/btf/vmlinux.
Result<KernelFacts> read_kernel_facts(const std::string& file);

// Puts the functions' type numbers into the calls of a compiled BPF object, which is changed in
// place (see kfunc_list.h). A call to one that this kernel lacks gets 0, which the verifier accepts
// where it finds that the call is never reached. An error where `object` is no ELF file of this
// machine's byte order, or calls a function that is not in the list. Returns the number of calls.
Result<std::size_t> bind_kfuncs(std::span<unsigned char> object, const KernelFacts& facts);

} // namespace rustland
