// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_facts.hpp"

#include "rustland/common/file.hpp"

#include <cstring>
#include <linux/btf.h>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace rustland {
namespace {

constexpr std::string_view kNames[] = {
#define RL_KFUNC_NAME(name, needed) #name,
    RL_KFUNCS(RL_KFUNC_NAME)
#undef RL_KFUNC_NAME
};
constexpr bool kNeeded[] = {
#define RL_KFUNC_NEEDED(name, needed) (needed) != 0,
    RL_KFUNCS(RL_KFUNC_NEEDED)
#undef RL_KFUNC_NEEDED
};
static_assert(RL_NR_KFUNCS <= 64, "a bit for each");

Error damaged(const char* what) {
    return Error(std::string("the kernel's type information is damaged: ") + what, EINVAL);
}

// One piece of type information after the other, each within the bounds of what was read.
class Types {
  public:
    static Result<Types> open(std::span<const std::byte> all) {
        btf_header header{};
        if (all.size() < sizeof(header))
            return damaged("it has no header");
        std::memcpy(&header, all.data(), sizeof(header));
        if (header.magic != BTF_MAGIC || header.hdr_len > all.size())
            return damaged("it has no header");
        const auto body = all.subspan(header.hdr_len);
        if (!fits(body, header.type_off, header.type_len) ||
            !fits(body, header.str_off, header.str_len) || header.str_len == 0)
            return damaged("it is cut off");
        return Types(body.subspan(header.type_off, header.type_len),
                     body.subspan(header.str_off, header.str_len));
    }

    [[nodiscard]] bool more() const { return at_ < types_.size(); }
    // The next type; its number is one more than that of the one before, which begin with 1.
    Result<btf_type> next() {
        const auto type = take<btf_type>();
        if (!type)
            return damaged("a type is cut off");
        const auto size = size_of_rest(*type);
        if (!size)
            return Error("the kernel's type information has types of the kind " +
                             std::to_string(BTF_INFO_KIND(type->info)) +
                             ", which this rustland does not know: install a newer one",
                         EINVAL);
        if (*size > types_.size() - at_)
            return damaged("a type is cut off");
        rest_ = types_.subspan(at_, *size);
        at_ += *size;
        return *type;
    }
    // The part of the last type with this number: a member, or an enumerator.
    template <typename Part> [[nodiscard]] Part part(std::size_t i) const {
        Part out{};
        std::memcpy(&out, rest_.data() + i * sizeof(Part), sizeof(Part));
        return out;
    }
    // Empty for a name that is none.
    [[nodiscard]] std::string_view name(std::uint32_t offset) const {
        if (offset >= names_.size())
            return {};
        const auto* text = reinterpret_cast<const char*>(names_.data()) + offset;
        return {text, ::strnlen(text, names_.size() - offset)};
    }

  private:
    Types(std::span<const std::byte> types, std::span<const std::byte> names)
        : types_(types), names_(names) {}

    static bool fits(std::span<const std::byte> all, std::uint32_t offset, std::uint32_t length) {
        return offset <= all.size() && length <= all.size() - offset;
    }
    template <typename T> std::optional<T> take() {
        if (types_.size() - at_ < sizeof(T))
            return std::nullopt;
        T out{};
        std::memcpy(&out, types_.data() + at_, sizeof(T));
        at_ += sizeof(T);
        return out;
    }
    // What follows a type's common part, by the kernel's Documentation/bpf/btf.rst.
    static std::optional<std::size_t> size_of_rest(const btf_type& type) {
        const std::size_t parts = BTF_INFO_VLEN(type.info);
        switch (BTF_INFO_KIND(type.info)) {
        case BTF_KIND_INT:
            return sizeof(std::uint32_t);
        case BTF_KIND_ARRAY:
            return sizeof(btf_array);
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            return parts * sizeof(btf_member);
        case BTF_KIND_ENUM:
            return parts * sizeof(btf_enum);
        case BTF_KIND_ENUM64:
            return parts * sizeof(btf_enum64);
        case BTF_KIND_FUNC_PROTO:
            return parts * sizeof(btf_param);
        case BTF_KIND_VAR:
            return sizeof(btf_var);
        case BTF_KIND_DATASEC:
            return parts * sizeof(btf_var_secinfo);
        case BTF_KIND_DECL_TAG:
            return sizeof(btf_decl_tag);
        case BTF_KIND_PTR:
        case BTF_KIND_FWD:
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_FUNC:
        case BTF_KIND_FLOAT:
        case BTF_KIND_TYPE_TAG:
            return 0;
        default:
            return std::nullopt;
        }
    }

    std::span<const std::byte> types_;
    std::span<const std::byte> names_;
    std::span<const std::byte> rest_;
    std::size_t at_ = 0;
};

void take_members(KernelFacts& facts, const Types& types, const btf_type& type) {
    for (std::size_t i = 0; i < BTF_INFO_VLEN(type.info); ++i)
        facts.ops_members.emplace(types.name(types.part<btf_member>(i).name_off));
}

void take_flags(KernelFacts& facts, const Types& types, const btf_type& type) {
    const bool wide = BTF_INFO_KIND(type.info) == BTF_KIND_ENUM64;
    for (std::size_t i = 0; i < BTF_INFO_VLEN(type.info); ++i) {
        if (wide) {
            const auto value = types.part<btf_enum64>(i);
            facts.ops_flags[std::string(types.name(value.name_off))] =
                std::uint64_t{value.val_hi32} << 32 | value.val_lo32;
        } else {
            const auto value = types.part<btf_enum>(i);
            facts.ops_flags[std::string(types.name(value.name_off))] =
                static_cast<std::uint32_t>(value.val);
        }
    }
}

Status check(const KernelFacts& facts) {
    if (facts.ops_members.empty())
        return Error("the kernel's type information has no sched_ext_ops", ENOENT);
    for (std::size_t i = 0; i < facts.kfuncs.size(); ++i) {
        if (kNeeded[i] && facts.kfuncs[i] == 0)
            return Error("this kernel has no function " + std::string(kNames[i]) +
                             ", which rustland needs: boot one from 6.16 on, or install a rustland "
                             "that is newer than the kernel",
                         ENOENT);
    }
    return {};
}

} // namespace

std::uint64_t KernelFacts::kfunc_bits() const {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < kfuncs.size(); ++i)
        bits |= std::uint64_t{kfuncs[i] != 0} << i;
    return bits;
}

std::uint64_t KernelFacts::flag(const std::string& name) const {
    const auto found = ops_flags.find(name);
    return found == ops_flags.end() ? 0 : found->second;
}

Result<KernelFacts> read_kernel_facts(std::span<const std::byte> all) {
    auto types = Types::open(all);
    if (!types)
        return types.error();
    std::unordered_map<std::string_view, std::size_t> wanted;
    for (std::size_t i = 0; i < RL_NR_KFUNCS; ++i)
        wanted[kNames[i]] = i;
    KernelFacts facts;
    for (std::uint32_t number = 1; types->more(); ++number) {
        const auto type = types->next();
        if (!type)
            return type.error();
        switch (BTF_INFO_KIND(type->info)) {
        case BTF_KIND_FUNC:
            if (const auto found = wanted.find(types->name(type->name_off)); found != wanted.end())
                facts.kfuncs[found->second] = number;
            break;
        case BTF_KIND_STRUCT:
            if (types->name(type->name_off) == "sched_ext_ops")
                take_members(facts, *types, *type);
            break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
            if (types->name(type->name_off) == "scx_ops_flags")
                take_flags(facts, *types, *type);
            break;
        default:
            break;
        }
    }
    if (const Status sound = check(facts); !sound)
        return sound.error();
    return facts;
}

Result<KernelFacts> read_kernel_facts(const std::string& file) {
    const auto content = read_file(file);
    if (!content)
        return content.error().with("reading the kernel's type information");
    return read_kernel_facts(std::as_bytes(std::span(*content)));
}

} // namespace rustland
