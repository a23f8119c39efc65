// SPDX-License-Identifier: GPL-2.0-only
// Text that somebody else chose, on its way into a log, onto a bus and to systemd.
#include "check.hpp"
#include "rustland/common/clean_text.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

using namespace rustland;

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_line(const std::string& text) {
    FUZZ_CHECK(std::none_of(text.begin(), text.end(), is_control));
    // The strict writer takes nothing but UTF-8.
    bool utf8 = true;
    try {
        static_cast<void>(nlohmann::json(text).dump());
    } catch (const nlohmann::json::exception&) {
        utf8 = false;
    }
    FUZZ_CHECK(utf8);
    FUZZ_CHECK(clean(text, TextShape::Line) == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::size_t longest = data[0];
    const std::string_view raw(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string whole = clean(raw, TextShape::Line);
    check_line(whole);
    FUZZ_CHECK(whole.size() <= raw.size());
    const std::string cut = clean(raw, TextShape::Line, longest);
    check_line(cut);
    FUZZ_CHECK(cut.size() <= longest);
    FUZZ_CHECK(whole.starts_with(cut));
    std::string block = clean(raw, TextShape::Block);
    std::replace(block.begin(), block.end(), '\n', '?');
    std::replace(block.begin(), block.end(), '\t', '?');
    FUZZ_CHECK(block == whole);
    return 0;
}
