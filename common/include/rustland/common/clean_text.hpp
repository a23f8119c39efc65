// SPDX-License-Identifier: GPL-2.0-only
// Text that came from outside (a process's name, a reason that somebody gave, what a program
// wrote), made fit for a log, a terminal, a message bus and sd_notify(3).
#pragma once

#include <cstddef>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace rustland {

enum class TextShape {
    Line, // no line ends either
    Block // lines, and tabs in them
};

// What of `raw` may be shown: valid UTF-8 without control characters, and without those that change
// the direction of what is written after them. Each byte or character that may not becomes a '?'.
// At most `longest` bytes, cut between two characters.
std::string clean(std::string_view raw, TextShape shape, std::size_t longest = std::string::npos);

// Text that has been through clean(). There is no other way to make one, so that whoever gets one
// need not ask where it came from.
template <TextShape shape> class CleanText {
  public:
    CleanText() = default;
    CleanText(std::string_view raw, std::size_t longest = std::string::npos)
        : text_(clean(raw, shape, longest)) {}
    CleanText(const std::string& raw) : CleanText(std::string_view(raw)) {}
    CleanText(const char* raw) : CleanText(std::string_view(raw)) {}

    [[nodiscard]] const std::string& str() const { return text_; }
    operator const std::string&() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    bool operator==(const CleanText&) const = default;

  private:
    std::string text_;
};

using CleanLine = CleanText<TextShape::Line>;
using CleanBlock = CleanText<TextShape::Block>;

} // namespace rustland

template <rustland::TextShape shape>
struct fmt::formatter<rustland::CleanText<shape>> : fmt::formatter<std::string_view> {
    template <typename Context>
    auto format(const rustland::CleanText<shape>& text, Context& context) const {
        return fmt::formatter<std::string_view>::format(text.str(), context);
    }
};
