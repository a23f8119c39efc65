// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/line_reader.hpp"

#include <algorithm>

namespace rustland {

std::optional<std::string> LineReader::next() {
    if (!has_line())
        return std::nullopt;
    const std::size_t end = buffer_.find('\n');
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
}

bool LineReader::overflown() const {
    return std::min(buffer_.find('\n'), buffer_.size()) > kMaxLine;
}

} // namespace rustland
