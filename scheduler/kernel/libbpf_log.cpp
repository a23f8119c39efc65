// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/bpf_scheduler.hpp"

#include "rustland/common/log.hpp"

#include <bpf/libbpf.h>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace rustland {
namespace {

bool verbose = false;
std::string messages;

int on_print(libbpf_print_level level, const char* format, va_list args) {
    if (level == LIBBPF_DEBUG && !verbose)
        return 0;
    // A verifier's log comes as one message of any size.
    va_list again;
    va_copy(again, args);
    const int length = std::vsnprintf(nullptr, 0, format, args);
    std::string text(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
    std::vsnprintf(text.data(), text.size() + 1, format, again);
    va_end(again);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    if (verbose)
        log::info("libbpf: {}", text);
    else if (level == LIBBPF_WARN)
        messages += text + "\n";
    return length;
}

} // namespace

void set_libbpf_verbosity(bool on) {
    verbose = on;
    libbpf_set_print(on_print);
}

std::string take_libbpf_messages() { return std::exchange(messages, {}); }

} // namespace rustland
