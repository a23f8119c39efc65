// SPDX-License-Identifier: GPL-2.0-only
// Runs scenarios: the controller that starts the load and the game, watches, and cleans up.
#pragma once

#include "bench/options.hpp"
#include "bench/report.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/unique_fd.hpp"

namespace rustland::bench {

// While it exists, SIGINT, SIGTERM, SIGHUP and SIGCHLD arrive through a descriptor instead of
// interrupting anything.
class SignalWatch {
  public:
    static Result<SignalWatch> create();

    // Waits for a signal until `deadline`. Returns its number, or 0 on the deadline.
    [[nodiscard]] int wait_until(Nanos deadline) const;

  private:
    explicit SignalWatch(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

// Error code of a run that a signal ended: -signal.
Result<Run> run_scenario(const Scenario& scenario, const RunOptions& options,
                         const SignalWatch& signals);

} // namespace rustland::bench
