// SPDX-License-Identifier: GPL-2.0-only
// Why the scheduler is on or off, for people. What is still to go is counted when somebody asks, so
// that it never stands still.
#pragma once

#include "rustland/common/types.hpp"

#include <optional>
#include <string>

namespace rustland::supervisor {

struct Reason {
    std::string what;
    std::optional<Nanos> until = {}; // when that ends by itself
    std::string then = {};           // what follows, with its own "; " in front
    bool goes_off = false;           // then the scheduler does

    // "stays on for the minimum time; 3.2s to go", "game ended; goes off in 3.2s"
    [[nodiscard]] std::string text(Nanos now) const;
    // The same without the time to go: for what is kept, where it would stand still.
    [[nodiscard]] std::string lasting() const { return what + then; }
};

} // namespace rustland::supervisor
