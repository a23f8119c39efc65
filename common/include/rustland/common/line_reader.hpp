// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rustland {

// Cuts a stream of bytes into lines of bounded length.
class LineReader {
  public:
    static constexpr std::size_t kMaxLine = 65536;

    void append(std::string_view bytes) { buffer_.append(bytes); }
    [[nodiscard]] bool has_line() const { return buffer_.find('\n') <= kMaxLine; }
    // The next complete line without its end, or nothing yet.
    std::optional<std::string> next();
    // A line has become too long: nothing sensible can follow.
    [[nodiscard]] bool overflown() const;

  private:
    std::string buffer_;
};

} // namespace rustland
