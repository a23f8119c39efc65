// SPDX-License-Identifier: GPL-2.0-only
#include "embedded_object.hpp"

// The compiled BPF program, as bytes of the read-only data of this file.
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".hidden rustland_bpf_object_begin\n"
        ".hidden rustland_bpf_object_end\n"
        ".global rustland_bpf_object_begin\n"
        ".global rustland_bpf_object_end\n"
        "rustland_bpf_object_begin:\n"
        ".incbin \"" RUSTLAND_BPF_OBJECT "\"\n"
        "rustland_bpf_object_end:\n"
        ".popsection\n");

extern "C" {
extern const unsigned char rustland_bpf_object_begin[];
extern const unsigned char rustland_bpf_object_end[];
}

namespace rustland {

std::span<const unsigned char> embedded_bpf_object() {
    return {rustland_bpf_object_begin, rustland_bpf_object_end};
}

} // namespace rustland
