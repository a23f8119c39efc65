// SPDX-License-Identifier: GPL-2.0-only
#include "preflight.hpp"

#include "rustland/common/file.hpp"
#include "rustland/common/kernel_traits.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <string_view>

namespace rustland {
namespace {

constexpr int kErrNotSupported = 524; // the kernel's ENOTSUPP, which it lets out by mistake
constexpr std::uint64_t kLockedMemory = 64ULL << 20; // more than we ever lock

// The value after "Key:" or a limit's name at the start of a line; empty if there is none.
std::string_view value_of(std::string_view text, std::string_view key) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (line.substr(0, key.size()) != key)
            continue;
        line.remove_prefix(key.size());
        const std::size_t from = line.find_first_not_of(" \t");
        if (from == std::string_view::npos)
            return {};
        line.remove_prefix(from);
        return line.substr(0, line.find_first_of(" \t"));
    }
    return {};
}

std::uint64_t parse(std::string_view text, int base) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

class Privileges {
  public:
    explicit Privileges(const std::string& proc_root)
        : status_(read_file(proc_root + "/self/status").value_or("")),
          limits_(read_file(proc_root + "/self/limits").value_or("")),
          effective_(parse(value_of(status_, "CapEff:"), 16)) {}

    // Whether anything could be read at all.
    [[nodiscard]] bool known() const { return !value_of(status_, "CapEff:").empty(); }
    [[nodiscard]] bool has(int capability) const { return (effective_ >> capability & 1) != 0; }
    [[nodiscard]] bool limit_allows(std::string_view name, std::uint64_t wanted) const {
        const std::string_view soft = value_of(limits_, name);
        return soft == "unlimited" || parse(soft, 10) >= wanted;
    }

  private:
    std::string status_;
    std::string limits_;
    std::uint64_t effective_;
};

std::optional<Obstacle> find_missing_privilege(const SystemRoots& roots, bool realtime) {
    const Privileges privileges(roots.proc);
    if (!privileges.known())
        return std::nullopt;
    std::vector<std::string> missing;
    const bool admin = privileges.has(CAP_SYS_ADMIN);
    if (!admin && !privileges.has(CAP_BPF))
        missing.emplace_back("CAP_BPF");
    if (!admin && !privileges.has(CAP_PERFMON))
        missing.emplace_back("CAP_PERFMON");
    if (!privileges.has(CAP_IPC_LOCK) &&
        !privileges.limit_allows("Max locked memory", kLockedMemory))
        missing.emplace_back("CAP_IPC_LOCK");
    if (realtime && !privileges.has(CAP_SYS_NICE) &&
        !privileges.limit_allows("Max realtime priority", 1))
        missing.emplace_back("CAP_SYS_NICE");
    if (missing.empty())
        return std::nullopt;
    return Obstacle{ExitCode::NoPrivilege,
                    fmt::format("missing privileges: run it as root, or grant the service {}",
                                fmt::join(missing, " "))};
}

// The part of libbpf's messages that says why. Where the verifier refused a program, its reason
// ends its log, and what libbpf writes after that log says no more than that it failed. Newer
// verifiers have a paragraph that begins with "Reason:".
std::string_view telling_part(std::string_view text) {
    const std::size_t end = text.find("-- END PROG LOAD LOG --");
    if (end == std::string_view::npos)
        return text;
    std::string_view log = text.substr(0, text.rfind('\n', end) + 1);
    // The figures that close the log.
    if (const std::size_t figures = log.rfind("\nprocessed "); figures != std::string_view::npos)
        log = log.substr(0, figures + 1);
    if (const std::size_t reason = log.rfind("Reason:"); reason != std::string_view::npos) {
        // With the line under it, where the words may stand.
        const std::size_t first = std::min(log.find('\n', reason), log.size());
        const std::size_t second = std::min(log.find('\n', first + 1), log.size());
        log = log.substr(reason, second - reason);
    }
    return log;
}

std::string last_lines(const std::string& messages, std::size_t count) {
    const std::string_view text = telling_part(messages);
    std::vector<std::string_view> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (end > at)
            lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    const auto from =
        lines.size() > count ? lines.end() - static_cast<std::ptrdiff_t>(count) : lines.begin();
    return fmt::format("{}", fmt::join(from, lines.end(), " / "));
}

constexpr const char* kHowToStopOther = "stop it first (sudo rustlandctl stop ends that of "
                                        "rustlandd; rustlandctl status says whose another one is)";

Obstacle no_jit() {
    return {ExitCode::LoadFailed, "the kernel's BPF compiler is off, which sched_ext needs: run "
                                  "sysctl net.core.bpf_jit_enable=1 (CONFIG_BPF_JIT)"};
}

} // namespace

SchedExtState read_sched_ext_state(const std::string& sys_root) {
    const std::string dir = sys_root + "/kernel/sched_ext/";
    return {read_line(dir + "state").value_or(""), read_line(dir + "root/ops").value_or("")};
}

Obstacle other_scheduler(const SystemRoots& roots) {
    const std::string ops = read_sched_ext_state(roots.sys).ops;
    if (ops.empty())
        return {ExitCode::OtherScheduler,
                fmt::format("another sched_ext scheduler is attached: {}", kHowToStopOther)};
    return {ExitCode::OtherScheduler,
            fmt::format("another sched_ext scheduler is attached: '{}'; {}", ops, kHowToStopOther)};
}

std::optional<Obstacle> find_obstacle(const SystemRoots& roots, bool realtime) {
    if (!path_exists(roots.sys + "/kernel"))
        return Obstacle{
            ExitCode::NoSchedExt,
            fmt::format("{} is not mounted: mount -t sysfs sysfs {}", roots.sys, roots.sys)};
    if (!path_exists(roots.sys + "/kernel/sched_ext"))
        return Obstacle{ExitCode::NoSchedExt,
                        "this kernel has no sched_ext: boot one that is built with "
                        "CONFIG_SCHED_CLASS_EXT=y (Linux 6.16 or newer)"};
    if (!path_exists(roots.sys + "/kernel/btf/vmlinux"))
        return Obstacle{ExitCode::KernelTypes,
                        "this kernel has no type information (/sys/kernel/btf/vmlinux): boot one "
                        "that is built with CONFIG_DEBUG_INFO_BTF=y"};
    if (auto missing = find_missing_privilege(roots, realtime))
        return missing;
    if (read_line(roots.proc + "/sys/net/core/bpf_jit_enable").value_or("1") == "0")
        return no_jit();
    const SchedExtState now = read_sched_ext_state(roots.sys);
    if (now.state == "enabled" || now.state == "enabling")
        return other_scheduler(roots);
    return std::nullopt;
}

Obstacle explain_load_failure(const Error& error, const std::string& libbpf_messages,
                              const std::vector<std::string>& broken_kfuncs,
                              const SystemRoots& roots) {
    if (!broken_kfuncs.empty())
        return {ExitCode::KernelTypes,
                fmt::format("this kernel's own type information (BTF) is broken, since it was "
                            "built with a pahole that is too old: {} ({} in all) shows an internal "
                            "argument. No sched_ext scheduler can be loaded: boot another kernel",
                            broken_kfuncs.front(), broken_kfuncs.size())};
    if (error.code() == EPERM || error.code() == EACCES)
        return {ExitCode::NoPrivilege,
                fmt::format("the kernel refuses BPF programs here ({}): run it as root outside of "
                            "containers, and check the kernel lockdown and the service's sandbox",
                            error.message())};
    if (error.code() == kErrNotSupported)
        return no_jit();
    const KernelTraits traits = read_kernel_traits(roots.proc, roots.sys);
    if (!traits.realtime.empty() && libbpf_messages.find("PREEMPT_RT") != std::string::npos)
        return {ExitCode::LoadFailed, traits.realtime};
    if (!traits.lockdown.empty() && error.code() == EINVAL)
        return {ExitCode::LoadFailed, fmt::format("{} ({})", traits.lockdown, error.message())};
    const std::string words = last_lines(libbpf_messages, 3);
    return {ExitCode::LoadFailed, fmt::format("{}{}{}. --verbose shows the verifier's whole log",
                                              error.message(), words.empty() ? "" : "; ", words)};
}

Obstacle explain_attach_failure(const Error& error, const std::string& libbpf_messages,
                                const SystemRoots& roots) {
    if (error.code() == EBUSY)
        return other_scheduler(roots);
    if (error.code() == EPERM || error.code() == EACCES)
        return explain_load_failure(error, libbpf_messages, {}, roots);
    if (const std::string isolated = read_kernel_traits(roots.proc, roots.sys).isolated_cpus;
        error.code() == EINVAL && !isolated.empty())
        return {ExitCode::LoadFailed, isolated};
    const std::string words = last_lines(libbpf_messages, 3);
    return {ExitCode::LoadFailed, fmt::format("{}{}{}. The kernel log (dmesg) may say more",
                                              error.message(), words.empty() ? "" : "; ", words)};
}

} // namespace rustland
