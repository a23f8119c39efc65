// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/doctor.hpp"

#include "rustland/common/file.hpp"
#include "rustland/common/kernel_traits.hpp"
#include "supervisor/ctl/client.hpp"
#include "supervisor/system/proc_reader.hpp"
#include "supervisor/system/sched_ext.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>
#include <system_error>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

using Verdict = Finding::Verdict;

bool exists(const std::string& path) {
    std::error_code ec;
    return std::filesystem::exists(path, ec);
}

Finding sched_ext(const DoctorOptions& options) {
    const KernelState kernel = SchedExtReader(options.root + "/sys/kernel/sched_ext").read();
    utsname name{};
    ::uname(&name);
    const std::string release = name.release;
    if (!kernel.supported)
        return {Verdict::Bad, "kernel", fmt::format("Linux {} has no sched_ext", release),
                "boot Linux 6.16 or newer with CONFIG_SCHED_CLASS_EXT=y"};
    return {Verdict::Good, "kernel",
            fmt::format("Linux {} with sched_ext ({}{})", release, kernel.state,
                        kernel.ops ? ", " + kernel.ops->str() : ""),
            ""};
}

Finding type_information(const DoctorOptions& options) {
    const std::string path = options.root + "/sys/kernel/btf/vmlinux";
    if (!exists(path))
        return {Verdict::Bad, "BTF", path + " is missing",
                "boot a kernel with CONFIG_DEBUG_INFO_BTF=y"};
    return {Verdict::Good, "BTF", "the kernel describes its types", ""};
}

Finding jit(const DoctorOptions& options) {
    const auto value = read_line(options.root + "/proc/sys/net/core/bpf_jit_enable");
    if (value && *value == "0")
        return {Verdict::Bad, "BPF JIT", "is switched off", "sysctl net.core.bpf_jit_enable=1"};
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
    if (::access(options.scheduler.c_str(), X_OK) != 0)
        return {Verdict::Bad, "scheduler", options.scheduler + " is not there",
                "install the package rustland, or set scheduler= in the configuration"};
    return {Verdict::Good, "scheduler", options.scheduler, ""};
}

Finding cgroup(const DoctorOptions& options) {
    if (exists(options.root + "/sys/fs/cgroup/cgroup.controllers"))
        return {Verdict::Good, "cgroups", "version 2", ""};
    return {Verdict::Note, "cgroups", "no unified hierarchy at /sys/fs/cgroup",
            "rules with cgroup= need cgroup v2; the others work"};
}

Finding privileges() {
    if (::geteuid() == 0)
        return {Verdict::Good, "privileges", "root", ""};
    return {Verdict::Note, "privileges", "not root: some things cannot be seen",
            "run rustlandctl doctor as root"};
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

Finding enabled_unit(const DoctorOptions& options) {
    for (const std::string_view target : {"multi-user", "graphical", "sysinit"})
        if (exists(fmt::format("{}/etc/systemd/system/{}.target.wants/rustland.service",
                               options.root, target)))
            return {Verdict::Note, "rustland.service",
                    "is enabled, so that the scheduler is always on and rustlandd leaves it alone",
                    "systemctl disable --now rustland, to have it on for games alone"};
    return {Verdict::Good, "rustland.service", "is not enabled: rustlandd starts it", ""};
}

Finding foreign_scheduler(const DoctorOptions& options) {
    const KernelState kernel = SchedExtReader(options.root + "/sys/kernel/sched_ext").read();
    if (kernel.attached() && !kernel.ops->str().starts_with("rustland"))
        return {Verdict::Note, "other scheduler", kernel.ops->str() + " is attached",
                "rustlandd leaves it alone; stop it, or rustlandctl start --take-over"};
    return {Verdict::Good, "other scheduler", "none is attached", ""};
}

// Programs that also start schedulers, or change what we change.
Finding competitors(const DoctorOptions& options) {
    constexpr std::array<std::string_view, 4> names{"falcond", "ananicy-cpp", "ananicy",
                                                    "system76-sched"};
    std::vector<std::string> found;
    const ProcReader proc(options.root + "/proc");
    const auto pids = proc.list();
    if (pids)
        for (const Pid pid : *pids) {
            const auto info = proc.read(pid, {}, false);
            // scx_loader, and any scheduler of that family.
            if (info && (info->comm.starts_with("scx_") ||
                         std::find(names.begin(), names.end(), info->comm) != names.end()))
                found.push_back(fmt::format("{} ({})", info->comm, pid.value));
        }
    if (found.empty())
        return {Verdict::Good, "other services", "none that starts schedulers", ""};
    return {Verdict::Note, "other services", fmt::format("{}", fmt::join(found, ", ")),
            "two programs that start schedulers get in each other's way; disable one"};
}

Finding daemon(const DoctorOptions& options) {
    auto client = Client::connect(options.socket, std::chrono::seconds(5));
    if (!client)
        return {Verdict::Bad, "rustlandd", "does not run", "systemctl enable --now rustlandd"};
    const auto answer = client->ask({{"request", "status"}});
    if (!answer)
        return {Verdict::Bad, "rustlandd", answer.error().message(), "journalctl -u rustlandd"};
    const auto& status = (*answer)["status"];
    const std::string source = status["detection"].value("source", std::string());
    const bool events = source.starts_with("process events");
    return {events ? Verdict::Good : Verdict::Note, "rustlandd", fmt::format("runs; {}", source),
            events ? "" : "games are found late; run rustlandd outside containers"};
}

} // namespace

std::vector<Finding> examine(const DoctorOptions& options) {
    std::vector<Finding> findings{sched_ext(options), type_information(options), jit(options)};
    for (Finding& trait : traits(options))
        findings.push_back(std::move(trait));
    findings.insert(findings.end(),
                    {program(options), cgroup(options), privileges(), capabilities(options),
                     enabled_unit(options), foreign_scheduler(options), competitors(options),
                     daemon(options)});
    return findings;
}

} // namespace rustland::supervisor
