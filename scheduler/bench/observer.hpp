// SPDX-License-Identifier: GPL-2.0-only
// Watches the scheduler from outside during a run: who it is, what it uses, what it says.
#pragma once

#include "bench/model.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"
#include "bench/scheduler_probe.hpp"
#include "bench/scheduler_stats.hpp"
#include "rustland/common/unique_fd.hpp"

#include <optional>
#include <string>

namespace rustland::bench {

// What is read about the scheduler and the machine at one edge of the window.
struct Observation {
    SchedulerIdentity identity;
    std::optional<SchedulerUsage> usage;
    std::optional<DecisionCounts> decisions;
    std::uint64_t context_switches = 0;
    Nanos at{};
};

class Observer {
  public:
    // Looks the scheduler's process up once; afterwards it is that process or none.
    explicit Observer(const RunOptions& options);

    [[nodiscard]] Observation observe() const;
    [[nodiscard]] SchedulerStats stats(const Observation& before, const Observation& after) const;
    // Nothing when there is no process.
    [[nodiscard]] std::optional<Pid> process() const { return pid_; }

  private:
    SchedulerIdentity identity_;
    std::string comm_;
    std::string socket_;
    std::optional<Pid> pid_;
};

// A fault of the scheduler's process. A process that was stopped goes on when this is destroyed.
class InjectedFault {
  public:
    InjectedFault() = default;
    // Holds on to the process, so that a later inject() can hit no other.
    static Result<InjectedFault> prepare(Fault fault, std::optional<Pid> process);
    Status inject();

    InjectedFault(InjectedFault&& other) noexcept
        : pidfd_(std::move(other.pidfd_)), fault_(std::exchange(other.fault_, Fault::None)) {}
    InjectedFault& operator=(InjectedFault&& other) = delete;
    InjectedFault(const InjectedFault&) = delete;
    InjectedFault& operator=(const InjectedFault&) = delete;
    ~InjectedFault();

  private:
    UniqueFd pidfd_;
    Fault fault_ = Fault::None;
};

} // namespace rustland::bench
