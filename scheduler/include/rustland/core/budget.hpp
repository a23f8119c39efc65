// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "rustland/common/types.hpp"

#include <algorithm>

namespace rustland {

// How much of a CPU the scheduling thread may take: it works until the budget is used up, and then
// must rest. Rest of any kind refills it in the ratio of the two, so that in the long run the
// thread never takes more than work / (work + pause) of a CPU, however the work is cut up.
class Budget {
  public:
    Budget(Nanos work, Nanos pause) : work_(work), pause_(pause) {}

    void worked(Nanos time) { spent_ += time; }
    void rested(Nanos time) {
        // Beyond a whole refill the product would only overflow.
        const std::int64_t refill =
            time >= pause_ ? spent_.value : time.value * (work_.value / pause_.value);
        spent_.value = std::max<std::int64_t>(spent_.value - refill, 0);
    }
    [[nodiscard]] bool exhausted() const { return spent_ >= work_; }
    // How long to rest when exhausted.
    [[nodiscard]] Nanos pause() const { return pause_; }

  private:
    Nanos work_;
    Nanos pause_;
    Nanos spent_;
};

} // namespace rustland
