// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/doctor.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/kernel_traits.hpp"
#include "rustland/kernel/kernel_types.hpp"
#include "supervisor/config/load.hpp"
#include "supervisor/ctl/absent_daemon.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/system/gpu_reader.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/sched_ext.hpp"
#include "supervisor/system/scheduler_owner.hpp"
#include "supervisor/system/state_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

using Verdict = Finding::Verdict;

Finding sched_ext(const DoctorOptions& options) {
    const KernelState kernel = SchedExtReader(options.root + "/sys/kernel/sched_ext").read();
    utsname name{};
    ::uname(&name);
    const std::string release = name.release;
    if (!kernel.supported)
        return {Verdict::Bad, "kernel", fmt::format("Linux {} has no sched_ext", release),
                kernel_to_boot(options.root)};
    return {Verdict::Good, "kernel",
            fmt::format("Linux {} with sched_ext ({}{})", release, kernel.state,
                        kernel.ops ? ", " + kernel.ops->str() : ""),
            ""};
}

Finding type_information(const DoctorOptions& options) {
    const std::string path = options.root + "/sys/kernel/btf/vmlinux";
    if (!path_exists(path))
        return {Verdict::Bad, "BTF", path + " is missing",
                "boot a kernel with CONFIG_DEBUG_INFO_BTF=y"};
    const auto broken = kfuncs_with_hidden_argument(path);
    if (!broken)
        return {Verdict::Bad, "BTF", broken.error().message(), "boot another kernel"};
    if (!broken->empty())
        return {
            Verdict::Bad, "BTF",
            fmt::format("is broken, because the kernel was built with a pahole that is too old: "
                        "{} ({} in all) shows an internal argument, and no sched_ext scheduler "
                        "can be loaded",
                        broken->front(), broken->size()),
            "boot another kernel"};
    return {Verdict::Good, "BTF", "the kernel describes its types", ""};
}

Finding jit(const DoctorOptions& options) {
    const auto value = read_line(options.root + "/proc/sys/net/core/bpf_jit_enable");
    if (value && *value == "0")
        return {Verdict::Bad, "BPF JIT", "is switched off",
                "sudo sysctl net.core.bpf_jit_enable=1"};
    return {Verdict::Good, "BPF JIT", value ? "is on" : "cannot be seen; most likely on", ""};
}

// Nothing where the kernel is as others are.
std::vector<Finding> traits(const DoctorOptions& options) {
    const KernelTraits kernel = read_kernel_traits(options.root + "/proc", options.root + "/sys");
    std::vector<Finding> findings;
    // The advice follows the colon.
    const auto tell = [&](const char* subject, const std::string& line) {
        const std::size_t colon = line.find(": ");
        if (!line.empty())
            findings.push_back(
                {Verdict::Bad, subject, line.substr(0, colon), line.substr(colon + 2)});
    };
    tell("lockdown", kernel.lockdown);
    tell("real-time kernel", kernel.realtime);
    tell("isolated CPUs", kernel.isolated_cpus);
    return findings;
}

Finding program(const DoctorOptions& options) {
    const ProgramState state = look_at_program(options.scheduler);
    if (state == ProgramState::Ready)
        return {Verdict::Good, "scheduler", options.scheduler, ""};
    if (state == ProgramState::NotExecutable)
        return {Verdict::Bad, "scheduler", options.scheduler + " is not executable",
                fmt::format("sudo chmod +x {}, then: sudo rustlandctl reload", options.scheduler)};
    return {Verdict::Bad, "scheduler",
            options.scheduler +
                (path_exists(options.scheduler) ? " is not a program" : " is not there"),
            "install the package rustland, or set scheduler= in the configuration, then: sudo "
            "rustlandctl reload"};
}

Finding cgroup(const DoctorOptions& options) {
    if (path_exists(options.root + "/sys/fs/cgroup/cgroup.controllers"))
        return {Verdict::Good, "cgroups", "version 2", ""};
    return {Verdict::Note, "cgroups", "no unified hierarchy at /sys/fs/cgroup",
            "rules with cgroup= need cgroup v2; the others work"};
}

Finding privileges() {
    if (::geteuid() == 0)
        return {Verdict::Good, "privileges", "root", ""};
    return {Verdict::Note, "privileges", "not root: some things cannot be seen",
            "sudo rustlandctl doctor"};
}

// A container's root may lack what the daemon and the scheduler need.
Finding capabilities(const DoctorOptions& options) {
    struct Capability {
        int number;
        std::string_view name;
    };
    constexpr std::array<Capability, 6> needed{{{12, "CAP_NET_ADMIN"},
                                                {14, "CAP_IPC_LOCK"},
                                                {19, "CAP_SYS_PTRACE"},
                                                {23, "CAP_SYS_NICE"},
                                                {38, "CAP_PERFMON"},
                                                {39, "CAP_BPF"}}};
    const auto status = read_file(options.root + "/proc/self/status");
    const std::size_t at = status ? status->find("\nCapBnd:") : std::string::npos;
    if (at == std::string::npos)
        return {Verdict::Note, "capabilities", "cannot be seen", "mount /proc"};
    const std::uint64_t bits = std::strtoull(status->c_str() + at + 8, nullptr, 16);
    std::vector<std::string_view> missing;
    for (const Capability& capability : needed)
        if ((bits >> static_cast<unsigned>(capability.number) & 1U) == 0)
            missing.push_back(capability.name);
    if (missing.empty())
        return {Verdict::Good, "capabilities", "all that are needed can be had", ""};
    return {Verdict::Bad, "capabilities",
            fmt::format("even root cannot have {}", fmt::join(missing, ", ")),
            "run on the machine itself, or give these to the container"};
}

bool unit_is_enabled(const DoctorOptions& options) {
    constexpr std::array<std::string_view, 3> targets{"multi-user", "graphical", "sysinit"};
    return std::any_of(targets.begin(), targets.end(), [&](std::string_view target) {
        return path_exists(fmt::format("{}/etc/systemd/system/{}.target.wants/{}", options.root,
                                       target, kAlwaysOnUnit));
    });
}

// Whether a daemon that is gone left it on, by the file that it writes for the next one.
bool left_behind(const DoctorOptions& options, const SchedulerOwner& owner) {
    const std::string path = options.root + "/run/rustland/state.json";
    if (const auto record = StateFile(path).load())
        return *record && (*record)->process.pid == owner.pid;
    // The file is there, and only root may read it.
    return owner.unit == kAlwaysOnUnit && !unit_is_enabled(options);
}

// Without the daemon nobody can have started what is attached but somebody else, or a daemon that
// is gone.
nlohmann::json who_runs_without_daemon(const DoctorOptions& options) {
    const KernelState kernel = SchedExtReader(options.root + "/sys/kernel/sched_ext").read();
    WhoRuns runs;
    if (kernel.attached()) {
        auto owner = find_scheduler_owner(options.root + "/proc", kernel.ops->str());
        if (owner)
            owner->left_behind = left_behind(options, *owner);
        runs = who_runs(kernel.ops, false, owner);
    }
    return {{"by", runner_name(runs.by)}, {"text", runs.text()}, {"advice", runs.advice()}};
}

// Programs that also start schedulers, or change what we change.
Finding competitors(const DoctorOptions& options) {
    constexpr std::array<std::string_view, 4> names{"falcond", "ananicy-cpp", "ananicy",
                                                    "system76-scheduler"};
    std::vector<std::string> found;
    const ProcReader proc(options.root + "/proc");
    auto pids = proc.list().value_or({});
    std::sort(pids.begin(), pids.end());
    for (const Pid pid : pids) {
        const auto info = proc.read(pid, {}, false);
        if (!info)
            continue;
        const auto name = std::find_if(names.begin(), names.end(), [&](std::string_view whole) {
            return info->comm == whole.substr(0, kCommLength);
        });
        if (name != names.end())
            found.push_back(fmt::format("{} ({})", *name, pid.value));
        else if (info->comm.starts_with("scx_")) // scx_loader, and any scheduler of that family
            found.push_back(fmt::format("{} ({})", info->comm, pid.value));
    }
    if (found.empty())
        return {Verdict::Good, "other services", "none that starts schedulers", ""};
    return {Verdict::Note, "other services", fmt::format("{}", fmt::join(found, ", ")),
            "two programs that start schedulers get in each other's way; disable one"};
}

// Whether rules that ask for the graphics processor can find anything.
Finding graphics(const DoctorOptions& options) {
    const std::string root = options.root + "/proc";
    bool used = false;
    for (const Pid pid : ProcReader(root).list().value_or({})) {
        const GpuReading reading = read_gpu(root, pid);
        used = used || reading.device;
        if (!reading.clients.empty())
            return {Verdict::Good, "graphics", "the driver tells how busy programs keep it", ""};
    }
    if (!used)
        return {Verdict::Good, "graphics", "no program uses it that can be seen", ""};
    return {Verdict::Note, "graphics", "the driver does not tell how busy programs keep it",
            "rules with gpu= find no game; the others work"};
}

// The configuration as it is on the disk.
Finding configuration(const DaemonAbsence& machine, const char* then) {
    if (machine.mistake.empty())
        return {Verdict::Good, "configuration", "no mistakes", ""};
    const std::string more =
        machine.more_mistakes == 0 ? "" : fmt::format(" (and {} more)", machine.more_mistakes);
    return {Verdict::Bad, "configuration", machine.mistake + more,
            fmt::format("correct it (rustlandctl check shows all){}", then)};
}

// What the daemon says, or that it is not there.
std::vector<Finding> what_the_daemon_says(const DoctorOptions& options) {
    const DaemonAbsence machine = look_for_daemon(options.root);
    const nlohmann::json runs_now = who_runs_without_daemon(options);
    auto client = Client::connect(options.socket, std::chrono::seconds(5));
    if (!client)
        return {configuration(machine, ""),
                {Verdict::Bad, "rustlandd",
                 machine.mistake.empty() ? "does not run"
                                         : "does not run, and cannot with that configuration",
                 how_to_have_it(machine)},
                who_runs_finding(runs_now),
                unit_finding(unit_is_enabled(options), runs_now)};
    std::vector<Finding> findings{configuration(machine, ", then: sudo rustlandctl reload")};
    const auto answer = client->ask({{"request", "status"}});
    if (!answer) {
        const bool silent = answer.error().code() == ETIMEDOUT;
        findings.push_back(
            {Verdict::Bad, "rustlandd",
             silent ? "does not answer (stopped or overloaded?)" : answer.error().message(),
             silent ? "sudo systemctl restart rustlandd (why: journalctl -u rustlandd)"
                    : "journalctl -u rustlandd"});
        return findings;
    }
    const nlohmann::json status = answer->value("status", nlohmann::json::object());
    // What the daemon refused is told below, whatever can be read here.
    if (status.value("refused_configuration", nlohmann::json()).is_object())
        std::erase_if(findings, [](const Finding& f) { return f.verdict == Verdict::Good; });
    const nlohmann::json runs = status.value("runs", nlohmann::json::object());
    findings.push_back(who_runs_finding(runs));
    findings.push_back(unit_finding(unit_is_enabled(options), runs));
    for (Finding& finding : daemon_findings(status, wall_clock_ms()))
        findings.push_back(std::move(finding));
    tell_mistakes_once(findings);
    return findings;
}

} // namespace

std::vector<Finding> examine(const DoctorOptions& options) {
    std::vector<Finding> findings{sched_ext(options), type_information(options), jit(options)};
    for (Finding& trait : traits(options))
        findings.push_back(std::move(trait));
    // Without sched_ext it says nothing that the rest of the kernel is as it should be.
    if (findings.front().verdict == Verdict::Bad)
        std::erase_if(findings, [](const Finding& f) { return f.verdict == Verdict::Good; });
    findings.insert(findings.end(),
                    {program(options), cgroup(options), privileges(), capabilities(options),
                     competitors(options), graphics(options)});
    for (Finding& finding : what_the_daemon_says(options))
        findings.push_back(std::move(finding));
    return findings;
}

} // namespace rustland::supervisor
