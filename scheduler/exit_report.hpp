// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "exit_code.hpp"
#include "rustland/common/types.hpp"
#include "rustland/kernel/exit_info.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace rustland {

// What becomes of the program when the scheduling has ended.
struct ExitReport {
    ExitCode code = ExitCode::Stopped;
    std::string line;     // for the user: what happened and what to do
    bool error = false;   // the line is an error, and the kernel's dump is worth showing
    bool restart = false; // the kernel asks that the scheduler be started anew
};

// `asked`: we detached because we were asked to.
ExitReport report_exit(const ExitInfo& info, bool asked);

// Writes it to the log, without waiting for a reader that does not read: after an error the
// kernel's dump and then, as the last line, what happened, which is what a supervisor keeps as the
// reason.
void log_exit(const ExitReport& report, const ExitInfo& info);

// Allows so many restarts within a span of time.
class RestartLimit {
  public:
    RestartLimit(std::size_t most, Nanos within) : most_(most), within_(within) {}

    // Whether one more, at `now`, is allowed; if so it counts.
    [[nodiscard]] bool allow(Nanos now);

  private:
    std::size_t most_;
    Nanos within_;
    std::vector<Nanos> restarts_;
};

} // namespace rustland
