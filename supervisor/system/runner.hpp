// SPDX-License-Identifier: GPL-2.0-only
// The seam between deciding and doing: something that runs one scheduler at a time.
#pragma once

#include "supervisor/config/config.hpp"
#include "supervisor/core/event.hpp"
#include "supervisor/match/process_info.hpp"

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rustland::supervisor {

// A hold that lasts as long as a process does, and so longer than a daemon.
struct HoldRecord {
    std::uint64_t id = 0;
    std::optional<SchedulerSpec> spec;
    CleanLine reason;
    std::uint32_t uid = 0;
    ProcessKey process;
};

// What another instance of the daemon needs to find the scheduler again.
struct RunRecord {
    SchedulerSpec spec;
    ProcessKey process;  // none yet where systemd has only been asked for it
    std::string ops;     // none yet before it is attached
    std::string backend; // "child" or "systemd"
    std::string unit;    // under systemd
    // A person wanted it, so that it stays on without a workload.
    bool by_command = false;
    std::vector<HoldRecord> holds;
    Nanos attached_at = {}; // by the monotonic clock; 0: not yet
};

// What became of an attempt to take over what an earlier daemon left.
enum class Adopted {
    No,       // it is gone or is not ours
    Starting, // it is on its way: Attached or StartFailed follows
    Running
};

namespace runner {
// It was asked for, or its process is there; nothing is known of its ops yet. No answer to
// anything: for the record.
struct Launched {
    RunRecord record;
};
// The kernel shows the scheduler's ops. Comes again where somebody else started it anew.
struct Attached {
    RunRecord record;
};
// It never got there; nothing of it is left.
struct StartFailed {
    ExitInfo exit;
};
// It ended without being asked; nothing of it is left.
struct Exited {
    ExitInfo exit;
};
// It was asked to stop and is gone; `exit` says whether it ended because of that or had crashed or
// been ejected by then. `problem` says what is not as it should be.
struct Stopped {
    ExitInfo exit;
    std::string problem;
};
} // namespace runner

using RunnerEvent = std::variant<runner::Launched, runner::Attached, runner::StartFailed,
                                 runner::Exited, runner::Stopped>;

class SchedulerRunner {
  public:
    SchedulerRunner() = default;
    SchedulerRunner(const SchedulerRunner&) = delete;
    SchedulerRunner& operator=(const SchedulerRunner&) = delete;
    SchedulerRunner(SchedulerRunner&&) = delete;
    SchedulerRunner& operator=(SchedulerRunner&&) = delete;
    virtual ~SchedulerRunner() = default;

    // Each answers by one event, later, from the event loop: start by Attached or StartFailed, stop
    // by Stopped (a stop during a start replaces the start's answer).
    virtual void start(const SchedulerSpec& spec, bool take_over) = 0;
    virtual void stop() = 0;
    virtual Adopted adopt(const RunRecord& record) = 0;
    // sched_ext's state may have changed: look.
    virtual void kernel_changed() = 0;
    // True where the scheduler in the kernel is the one that runs here.
    [[nodiscard]] virtual bool owns_kernel_scheduler() const = 0;
    virtual void configure(Nanos start_timeout, Nanos stop_timeout) = 0;
    [[nodiscard]] virtual const char* backend() const = 0;
    // Why nothing can be started now, and what helps, as "REASON; ADVICE"; empty: nothing known.
    [[nodiscard]] virtual std::string what_holds_a_start() const { return ""; }
    // Why a stop that is under way cannot be done now, and what helps; empty: nothing known.
    [[nodiscard]] virtual std::string what_holds_a_stop() const { return ""; }

    void on_event(std::function<void(const RunnerEvent&)> listener) {
        listener_ = std::move(listener);
    }

  protected:
    void report(const RunnerEvent& event) {
        if (listener_)
            listener_(event);
    }

  private:
    std::function<void(const RunnerEvent&)> listener_;
};

} // namespace rustland::supervisor
