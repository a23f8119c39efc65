// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/kernel_types.hpp"

#include <bpf/btf.h>
#include <cstdint>
#include <memory>
#include <string_view>

namespace rustland {
namespace {

constexpr std::string_view kPrefix = "scx_bpf_";
// The kernel's own function behind a public one: it does have the argument.
constexpr std::string_view kImplSuffix = "_impl";

bool is_public_kfunc(std::string_view name) {
    return name.substr(0, kPrefix.size()) == kPrefix &&
           (name.size() < kImplSuffix.size() ||
            name.substr(name.size() - kImplSuffix.size()) != kImplSuffix);
}

const btf_type* skip_qualifiers(const btf& types, const btf_type* type) {
    while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type)))
        type = btf__type_by_id(&types, type->type);
    return type;
}

bool ends_in_prog_aux(const btf& types, const btf_type* proto) {
    if (proto == nullptr || !btf_is_func_proto(proto) || btf_vlen(proto) == 0)
        return false;
    const btf_param& last = btf_params(proto)[btf_vlen(proto) - 1];
    const btf_type* pointer = skip_qualifiers(types, btf__type_by_id(&types, last.type));
    if (pointer == nullptr || !btf_is_ptr(pointer))
        return false;
    const btf_type* target = skip_qualifiers(types, btf__type_by_id(&types, pointer->type));
    if (target == nullptr || !(btf_is_struct(target) || btf_is_fwd(target)))
        return false;
    const char* name = btf__name_by_offset(&types, target->name_off);
    return name != nullptr && std::string_view(name) == "bpf_prog_aux";
}

} // namespace

std::vector<std::string> kfuncs_with_hidden_argument(const btf& kernel_types) {
    std::vector<std::string> found;
    const std::uint32_t count = btf__type_cnt(&kernel_types);
    for (std::uint32_t id = 1; id < count; ++id) {
        const btf_type* function = btf__type_by_id(&kernel_types, id);
        if (!btf_is_func(function))
            continue;
        const char* name = btf__name_by_offset(&kernel_types, function->name_off);
        if (name != nullptr && is_public_kfunc(name) &&
            ends_in_prog_aux(kernel_types, btf__type_by_id(&kernel_types, function->type)))
            found.emplace_back(name);
    }
    return found;
}

Result<std::vector<std::string>> kfuncs_with_hidden_argument(const std::string& file) {
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__parse(file.c_str(), nullptr),
                                                           btf__free);
    if (!types)
        return Error::from_errno("reading the type information in " + file);
    return kfuncs_with_hidden_argument(*types);
}

Result<std::vector<std::string>> kfuncs_with_hidden_argument() {
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
    if (!types)
        return Error::from_errno("reading the kernel's type information");
    return kfuncs_with_hidden_argument(*types);
}

} // namespace rustland
