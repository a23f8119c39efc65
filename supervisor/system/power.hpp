// SPDX-License-Identifier: GPL-2.0-only
// AC or battery, and the power profile, from sysfs. Takes any root.
#pragma once

#include "supervisor/core/event.hpp"

#include <string>

namespace rustland::supervisor {

class PowerReader {
  public:
    explicit PowerReader(std::string root = "/sys") : root_(std::move(root)) {}
    // On battery: some battery discharges and no supply is online. Not known: no battery.
    [[nodiscard]] PowerState read() const;

  private:
    std::string root_;
};

} // namespace rustland::supervisor
