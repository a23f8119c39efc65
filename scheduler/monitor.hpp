// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "exit_code.hpp"
#include "rustland/common/types.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace rustland {

// Prints the statistics of a running rustland, one line each interval, through `print` until it
// ends or the process is interrupted.
ExitCode run_monitor(const std::string& socket, Nanos interval,
                     const std::function<void(std::string_view)>& print);

} // namespace rustland
