// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>

namespace rustland {

// What the program's exit status says. The numbers are an interface: they never change.
enum class ExitCode : int {
    Stopped = 0,
    Failure = 1,
    Usage = 2,
    NoPrivilege = 3,
    NoSchedExt = 4,
    KernelTypes = 5,
    OtherScheduler = 6,
    LoadFailed = 7,
    Refused = 8,
    NoServer = 9,
    Watchdog = 10,
    BpfError = 11,
    Silent = 12,
    SysRq = 13,
    Restart = 14,
    Detached = 15,
};

struct ExitCodeRow {
    ExitCode code;
    const char* meaning;
};

// All of them, as the help text and the manual page tell them.
inline constexpr std::array kExitCodes{
    ExitCodeRow{ExitCode::Stopped, "asked to stop"},
    ExitCodeRow{ExitCode::Failure, "something else went wrong; the message says what"},
    ExitCodeRow{ExitCode::Usage, "bad option or value"},
    ExitCodeRow{ExitCode::NoPrivilege, "privileges are missing"},
    ExitCodeRow{ExitCode::NoSchedExt, "the kernel has no sched_ext"},
    ExitCodeRow{ExitCode::KernelTypes, "the kernel's type information (BTF) is missing or broken"},
    ExitCodeRow{ExitCode::OtherScheduler, "another sched_ext scheduler is attached"},
    ExitCodeRow{ExitCode::LoadFailed, "the kernel refused the BPF program"},
    ExitCodeRow{ExitCode::Refused, "locked memory, real-time priority or the socket was refused"},
    ExitCodeRow{ExitCode::NoServer, "no running rustland to monitor"},
    ExitCodeRow{ExitCode::Watchdog, "ejected by the kernel's watchdog: a task waited too long"},
    ExitCodeRow{ExitCode::BpfError, "ejected by the kernel for another error"},
    ExitCodeRow{ExitCode::Silent, "left by itself: the policy made no decisions for too long"},
    ExitCodeRow{ExitCode::SysRq, "ended by SysRq-S"},
    ExitCodeRow{ExitCode::Restart, "the kernel asked for a restart more often than is sensible"},
    ExitCodeRow{ExitCode::Detached, "detached by another program, or by the kernel without error"},
};

} // namespace rustland
