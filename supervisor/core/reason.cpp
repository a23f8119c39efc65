// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/reason.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>

namespace rustland::supervisor {

std::string Reason::text(Nanos now) const {
    if (!until)
        return lasting();
    // Whole tenths, rounded up: a person reads this.
    const std::int64_t tenths =
        std::max<std::int64_t>((*until - now).value + 99'999'999, 0) / 100'000'000;
    const std::string time = fmt::format("{}.{}s", tenths / 10, tenths % 10);
    return fmt::format("{}; {}{}{}{}", what, goes_off ? "goes off in " : "", time,
                       goes_off ? "" : " to go", then);
}

} // namespace rustland::supervisor
