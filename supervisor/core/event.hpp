// SPDX-License-Identifier: GPL-2.0-only
// What the decision core is told and what it answers: plain values.
#pragma once

#include "rustland/common/clean_text.hpp"
#include "rustland/common/types.hpp"
#include "supervisor/config/config.hpp"
#include "supervisor/core/who_runs.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rustland::supervisor {

// Why a scheduler's run ended.
enum class ExitKind {
    Requested, // we stopped it
    Outside,   // somebody else stopped it: SysRq-S, a signal, an administrator
    Restart,   // it asks to be started again (a CPU came or went)
    Failed,    // it gave an error, before or after attaching
    Crashed,   // killed by a signal that it did not handle
    Stalled,   // the kernel's watchdog ejected it
    Ejected,   // the kernel ejected it for an error
    // It would end the same way each time: a bad option, or a kernel that it cannot run on.
    Misconfigured,
    NotTried // it was not even begun, for a reason outside of it: systemd does not answer
};

struct ExitInfo {
    ExitKind kind = ExitKind::Failed;
    int exit_code = 0; // the process's, where it exited
    int signal = 0;    // the one that killed it, else 0
    CleanLine reason;  // for a person
    CleanBlock dump;   // what the scheduler left: its last output
};

struct PowerState {
    std::optional<bool> on_battery; // nothing: not known, counts as on AC
    // "performance", "balanced", "power-saver", "custom" (none of them); empty: not known.
    std::string profile;
    bool operator==(const PowerState&) const = default;
};

// Who stopped the scheduler by command, and when.
struct StopOrder {
    std::uint32_t uid = 0;
    std::int64_t since_ms = 0; // of the wall clock, since 1970
    bool operator==(const StopOrder&) const = default;
};

namespace event {

// The first process of a rule's workload appeared; the last one went.
struct WorkloadStarted {
    std::string rule;
};
struct WorkloadEnded {
    std::string rule;
};
// Beside the processes of a rule's workload there is another one that does not descend from them:
// a second game.
struct WorkloadJoined {
    std::string rule;
};
// A hold keeps a scheduler on: the given one, or whichever the workloads ask for.
struct HoldAdded {
    std::uint64_t id = 0;
    std::optional<SchedulerSpec> spec;
    CleanLine reason;
    // Given by somebody who may stop the scheduler, so that it undoes a stop.
    bool by_administrator = false;
};
struct HoldReleased {
    std::uint64_t id = 0;
};
struct ConfigReplaced {
    std::shared_ptr<const Config> config;
};
struct PowerChanged {
    PowerState state;
};
struct SleepChanged {
    bool asleep = false;
};
// Commands of a person.
struct StartRequested {
    std::optional<SchedulerSpec> spec; // nothing: the default one
    bool take_over = false;            // even from a foreign scheduler
};
// Stays in force until one who may stop wants the scheduler again: StartRequested, Resumed, or a
// hold by an administrator.
struct StopRequested {
    std::optional<StopOrder> order; // nothing: no person's, the daemon itself ends
};
// Workloads decide again after a stop, and what failed is tried again.
struct Resumed {};
struct RestartRequested {};
struct FailuresReset {};
// What became of the last decision, and of the scheduler since.
struct Attached {
    SchedulerSpec spec;
    Nanos since;             // when it was attached, where that is earlier than now (adoption)
    bool by_command = false; // adopted, and a person had wanted it
    // Adopted with the holds that kept it on.
    std::vector<HoldAdded> holds;
    // Adopted on its way there: another one of these follows, or StartFailed.
    bool starting = false;
};
struct StartFailed {
    SchedulerSpec spec;
    ExitInfo exit;
};
struct Exited {
    ExitInfo exit;
};
struct Stopped {};
// The scheduler in the kernel that is not ours, or none.
struct ForeignScheduler {
    std::optional<CleanLine> ops;
    std::optional<SchedulerOwner> owner = {}; // where it is known
};
// Whether the kernel has sched_ext at all.
struct KernelSupport {
    bool supported = true;
};
struct Tick {};

} // namespace event

using Event =
    std::variant<event::WorkloadStarted, event::WorkloadEnded, event::WorkloadJoined,
                 event::HoldAdded, event::HoldReleased, event::ConfigReplaced, event::PowerChanged,
                 event::SleepChanged, event::StartRequested, event::StopRequested, event::Resumed,
                 event::RestartRequested, event::FailuresReset, event::Attached, event::StartFailed,
                 event::Exited, event::Stopped, event::ForeignScheduler, event::KernelSupport,
                 event::Tick>;

struct Keep {};
struct Start {
    SchedulerSpec spec;
    std::string reason;
    bool take_over = false;
};
// Stop what runs, then start `spec`.
struct Switch {
    SchedulerSpec spec;
    std::string reason;
};
struct Stop {
    std::string reason;
};
using Decision = std::variant<Keep, Start, Switch, Stop>;

} // namespace rustland::supervisor
