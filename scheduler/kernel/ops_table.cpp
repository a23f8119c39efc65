// SPDX-License-Identifier: GPL-2.0-only
#include "ops_table.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cstring>

namespace rustland {
namespace {

const btf_member* find_member(const btf* types, const btf_type* type, const std::string& name) {
    const btf_member* members = btf_members(type);
    for (int i = 0; i < btf_vlen(type); ++i) {
        if (name == btf__name_by_offset(types, members[i].name_off))
            return &members[i];
    }
    return nullptr;
}

} // namespace

Result<OpsTable> OpsTable::open(bpf_object* object, bpf_map* map) {
    std::size_t size = 0;
    auto* data = static_cast<char*>(bpf_map__initial_value(map, &size));
    const btf* types = bpf_object__btf(object);
    const int type = btf__find_by_name_kind(types, "sched_ext_ops", BTF_KIND_STRUCT);
    if (data == nullptr || type < 0)
        return Error("the BPF object has no sched_ext_ops");
    return OpsTable(data, types, static_cast<std::uint32_t>(type));
}

Result<char*> OpsTable::member(const std::string& name, std::size_t size) {
    const btf_type* type = btf__type_by_id(types_, type_);
    const btf_member* found = find_member(types_, type, name);
    if (found == nullptr ||
        btf__resolve_size(types_, found->type) != static_cast<std::int64_t>(size))
        return Error("sched_ext_ops has no member " + name + " of " + std::to_string(size) +
                     " bytes");
    return data_ + found->offset / 8;
}

Status OpsTable::set_u32(const std::string& name, std::uint32_t value) {
    auto place = member(name, sizeof(value));
    if (!place)
        return place.error();
    std::memcpy(*place, &value, sizeof(value));
    return {};
}

Status OpsTable::set_u64(const std::string& name, std::uint64_t value) {
    auto place = member(name, sizeof(value));
    if (!place)
        return place.error();
    std::memcpy(*place, &value, sizeof(value));
    return {};
}

void OpsTable::clear_unknown_to(const std::set<std::string, std::less<>>& kernel_members) {
    const btf_type* type = btf__type_by_id(types_, type_);
    const btf_member* members = btf_members(type);
    for (int i = 0; i < btf_vlen(type); ++i) {
        const char* name = btf__name_by_offset(types_, members[i].name_off);
        const btf_type* pointer = btf__type_by_id(types_, members[i].type);
        if (!btf_is_ptr(pointer) || kernel_members.contains(name))
            continue;
        bpf_program* program = nullptr;
        char* const slot = data_ + members[i].offset / 8;
        std::memcpy(&program, slot, sizeof(bpf_program*)); // NOLINT(bugprone-sizeof-expression)
        if (program != nullptr)
            bpf_program__set_autoload(program, false);
        std::memset(slot, 0, sizeof(bpf_program*)); // NOLINT(bugprone-sizeof-expression)
    }
}

} // namespace rustland
