// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/result.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>

struct bpf_map;
struct bpf_object;
struct btf;

namespace rustland {

// The not yet loaded sched_ext_ops of an object: its numbers can be set, and operations that the
// running kernel does not know taken out.
class OpsTable {
  public:
    static Result<OpsTable> open(bpf_object* object, bpf_map* map);

    Status set_u32(const std::string& member, std::uint32_t value);
    Status set_u64(const std::string& member, std::uint64_t value);

    // Clears the operations that are not among the members of the kernel's own struct
    // sched_ext_ops, so that libbpf does not refuse the object.
    void clear_unknown_to(const std::set<std::string, std::less<>>& kernel_members);

  private:
    OpsTable(char* data, const btf* types, std::uint32_t type)
        : data_(data), types_(types), type_(type) {}
    Result<char*> member(const std::string& name, std::size_t size);

    char* data_;
    const btf* types_;
    std::uint32_t type_;
};

} // namespace rustland
