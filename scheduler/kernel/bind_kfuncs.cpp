// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_facts.hpp"

#include <bit>
#include <cstring>
#include <elf.h>
#include <linux/bpf.h>

namespace rustland {
namespace {

constexpr unsigned char kByteOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

template <typename T> bool read_at(std::span<const unsigned char> file, std::size_t at, T& out) {
    if (at > file.size() || file.size() - at < sizeof(T))
        return false;
    std::memcpy(&out, file.data() + at, sizeof(T));
    return true;
}

bool is_call_by_number(const bpf_insn& insn) {
    return insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == 0 && insn.imm >= RL_KFUNC_FIRST;
}

// Returns the number of calls in one section of instructions.
Result<std::size_t> bind_section(std::span<unsigned char> code, const KernelFacts& facts) {
    std::size_t calls = 0;
    for (std::size_t at = 0; at + sizeof(bpf_insn) <= code.size(); at += sizeof(bpf_insn)) {
        bpf_insn insn{};
        std::memcpy(&insn, code.data() + at, sizeof(insn));
        if (insn.code == (BPF_LD | BPF_IMM | BPF_DW)) {
            at += sizeof(insn); // its second half is a number, whatever that looks like
            continue;
        }
        if (!is_call_by_number(insn))
            continue;
        const auto number = static_cast<std::size_t>(insn.imm - RL_KFUNC_FIRST);
        if (number >= facts.kfuncs.size())
            return Error("the BPF object calls a function that the loader does not know");
        insn.src_reg = BPF_PSEUDO_KFUNC_CALL;
        insn.imm = static_cast<std::int32_t>(facts.kfuncs[number]);
        std::memcpy(code.data() + at, &insn, sizeof(insn));
        ++calls;
    }
    return calls;
}

} // namespace

Result<std::size_t> bind_kfuncs(std::span<unsigned char> object, const KernelFacts& facts) {
    Elf64_Ehdr header{};
    if (!read_at(object, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != kByteOrder ||
        header.e_machine != EM_BPF)
        return Error("the BPF object is no ELF file of this machine's byte order");
    std::size_t calls = 0;
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr section{};
        if (!read_at(object, header.e_shoff + i * sizeof(section), section) ||
            (section.sh_type != SHT_NOBITS &&
             (section.sh_offset > object.size() ||
              section.sh_size > object.size() - section.sh_offset)))
            return Error("the BPF object is cut off");
        if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_EXECINSTR) == 0)
            continue;
        auto bound = bind_section(object.subspan(section.sh_offset, section.sh_size), facts);
        if (!bound)
            return bound.error();
        calls += *bound;
    }
    return calls;
}

} // namespace rustland
