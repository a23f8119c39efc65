// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/clean_text.hpp"

#include <cstdint>

namespace rustland {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

struct Character {
    std::uint32_t code = kNone; // kNone: not UTF-8
    std::size_t size = 1;       // bytes that it takes; of what is not UTF-8 the first alone
};

bool continues(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
}

// The first character of a text that is not empty, as RFC 3629 has it: no surrogates, nothing above
// U+10FFFF, nothing longer than it need be.
Character first_of(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80)
        return {lead, 1};
    std::size_t size = 0;
    std::uint32_t code = 0;
    std::uint32_t smallest = 0;
    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
        code = lead & 0x1fU;
        smallest = 0x80;
    } else if ((lead & 0xf0U) == 0xe0U) {
        size = 3;
        code = lead & 0x0fU;
        smallest = 0x800;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
        code = lead & 0x07U;
        smallest = 0x10000;
    } else {
        return {};
    }
    for (std::size_t i = 1; i < size; ++i) {
        if (!continues(text, i))
            return {};
        code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
    }
    if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return {};
    return {code, size};
}

bool within(std::uint32_t code, std::uint32_t first, std::uint32_t last) {
    return code >= first && code <= last;
}

bool may_be_shown(std::uint32_t code, TextShape shape) {
    if (code == '\n' || code == '\t')
        return shape == TextShape::Block;
    const bool control = code < 0x20 || within(code, 0x7f, 0x9f);
    // Line and paragraph ends of Unicode, and what turns the direction of writing.
    const bool layout = within(code, 0x2028, 0x202e) || within(code, 0x2066, 0x2069) ||
                        within(code, 0x200e, 0x200f) || code == 0x061c;
    return code != kNone && !control && !layout;
}

} // namespace

std::string clean(std::string_view raw, TextShape shape, std::size_t longest) {
    std::string out;
    while (!raw.empty()) {
        const Character next = first_of(raw);
        const bool good = may_be_shown(next.code, shape);
        const std::string_view shown = good ? raw.substr(0, next.size) : "?";
        if (out.size() + shown.size() > longest)
            break;
        out += shown;
        raw.remove_prefix(next.size);
    }
    return out;
}

} // namespace rustland
