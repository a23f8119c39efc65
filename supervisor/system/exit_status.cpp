// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/exit_status.hpp"

#include "scheduler/exit_code.hpp"
#include "supervisor/config/values.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace rustland::supervisor {
namespace {

ExitKind kind_of_ours(int exit_code) {
    switch (static_cast<ExitCode>(exit_code)) {
    case ExitCode::Stopped:
    case ExitCode::SysRq:
    case ExitCode::Detached:
        return ExitKind::Outside;
    case ExitCode::Watchdog:
    case ExitCode::Silent:
        return ExitKind::Stalled;
    case ExitCode::BpfError:
        return ExitKind::Ejected;
    default:
        return ExitKind::Failed;
    }
}

// systemd.exec(5): the program could not be executed. A program's own status, where it is a child.
constexpr int kNotExecuted = 203;

bool not_executed(const ProcessEnd& end, const Run& run) {
    return run.unit && !run.attached && end.known && end.signal == 0 &&
           end.exit_code == kNotExecuted;
}

// Nothing of this is another at the next try.
bool hopeless(int exit_code, const Run& run) {
    if (run.attached)
        return false;
    switch (static_cast<ExitCode>(exit_code)) {
    case ExitCode::Usage:
        return true;
    case ExitCode::NoPrivilege:
    case ExitCode::NoSchedExt:
    case ExitCode::KernelTypes:
        return run.ours;
    default:
        return false;
    }
}

ExitKind kind_by_itself(const ProcessEnd& end, const Run& run) {
    // What an administrator sends; it did not come from us.
    if (end.signal == SIGINT || end.signal == SIGTERM || end.signal == SIGHUP)
        return ExitKind::Outside;
    if (end.signal != 0)
        return ExitKind::Crashed;
    if (!end.known)
        return ExitKind::Failed;
    if (hopeless(end.exit_code, run) || not_executed(end, run))
        return ExitKind::Misconfigured;
    if (run.ours)
        return kind_of_ours(end.exit_code);
    return end.exit_code == 0 ? ExitKind::Outside : ExitKind::Failed;
}

// That it had been asked to stop does not explain every end: it may have crashed on the way, or
// before it came to hear of it.
ExitKind kind_of(const ProcessEnd& end, const Run& run) {
    const ExitKind kind = kind_by_itself(end, run);
    if (!run.requested)
        return kind;
    switch (kind) {
    case ExitKind::Crashed:
        return run.killed && end.signal == SIGKILL ? ExitKind::Requested : kind;
    case ExitKind::Stalled:
    case ExitKind::Ejected:
        return kind;
    default:
        return ExitKind::Requested;
    }
}

std::string what_happened(const ProcessEnd& end) {
    if (!end.known)
        return "ended";
    if (end.signal != 0)
        return fmt::format("killed by SIG{}", ::sigabbrev_np(end.signal));
    return fmt::format("exited with status {}", end.exit_code);
}

} // namespace

const char* exit_kind_name(ExitKind kind) {
    switch (kind) {
    case ExitKind::Requested:
        return "requested";
    case ExitKind::Outside:
        return "stopped-from-outside";
    case ExitKind::Restart:
        return "asked-for-restart";
    case ExitKind::Failed:
        return "failed";
    case ExitKind::Crashed:
        return "crashed";
    case ExitKind::Stalled:
        return "stalled";
    case ExitKind::Ejected:
        return "ejected";
    case ExitKind::Misconfigured:
        return "misconfigured";
    case ExitKind::NotTried:
        return "not-tried";
    }
    return "failed";
}

bool is_no_program(int error) {
    // ENOENT: it, or the interpreter that it names. ELIBBAD: the loader that it names.
    return error == ENOEXEC || error == ENOENT || error == EACCES || error == ELIBBAD;
}

std::string last_line(const std::string& text) {
    std::string_view rest = trim(text);
    const std::size_t newline = rest.rfind('\n');
    return std::string(newline == std::string_view::npos ? rest : rest.substr(newline + 1));
}

std::string for_command(const std::string& reason) {
    for (const auto& [configured, commanded] :
         {std::pair(kMendOptions, "correct the options of the command"),
          std::pair(kMendProgram, "correct the path of the command, or mend the file")})
        if (const std::size_t at = reason.find(configured); at != std::string::npos)
            return reason.substr(0, at) + commanded;
    return reason;
}

ExitInfo describe_exit(const ProcessEnd& end, const Run& run, const std::string& output) {
    ExitInfo info;
    info.kind = kind_of(end, run);
    info.exit_code = end.exit_code;
    info.signal = end.signal;
    std::string reason =
        not_executed(end, run) ? "systemd could not execute it (status 203)" : what_happened(end);
    info.dump = output;
    // What a healthy scheduler reported last is no reason for its end, and of a signal nobody can
    // say anything but who has called abort().
    const bool could_tell = end.signal == 0 || end.signal == SIGABRT;
    if (const std::string line = last_line(output);
        could_tell && !line.empty() && line.find(": info: ") == std::string::npos)
        reason += ": " + line;
    if (info.kind == ExitKind::Misconfigured && not_executed(end, run))
        reason += fmt::format("; {}", kMendProgram);
    else if (info.kind == ExitKind::Misconfigured)
        reason += end.exit_code == static_cast<int>(ExitCode::Usage)
                      ? fmt::format("; {}", kMendOptions)
                      : "; mend that, then sudo rustlandctl reload";
    info.reason = reason;
    return info;
}

} // namespace rustland::supervisor
