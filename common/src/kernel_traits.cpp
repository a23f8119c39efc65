// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/kernel_traits.hpp"

#include "rustland/common/file.hpp"

#include <string_view>

namespace rustland {
namespace {

// "isolcpus=[flag,…,]CPUS": without flags, and with "domain", the CPUs leave the domains. The CPUs
// that an isolated cpuset takes out at run time are no obstacle, so that sysfs would mislead.
bool isolates_domains(std::string_view command_line) {
    constexpr std::string_view key = "isolcpus=";
    bool isolates = false;
    while (!command_line.empty()) {
        const std::size_t end = command_line.find_first_of(" \n");
        std::string_view word = command_line.substr(0, end);
        command_line.remove_prefix(end == std::string_view::npos ? command_line.size() : end + 1);
        if (!word.starts_with(key))
            continue;
        word.remove_prefix(key.size());
        bool flags = false;
        bool domain = false;
        while (!word.empty() && (word[0] < '0' || word[0] > '9')) {
            const std::size_t comma = word.find(',');
            flags = true;
            domain = domain || word.substr(0, comma) == "domain";
            word.remove_prefix(comma == std::string_view::npos ? word.size() : comma + 1);
        }
        isolates = isolates || (!word.empty() && (!flags || domain));
    }
    return isolates;
}

} // namespace

KernelTraits read_kernel_traits(const std::string& proc, const std::string& sys) {
    KernelTraits traits;
    const std::string lockdown = read_line(sys + "/kernel/security/lockdown").value_or("");
    if (lockdown.find("[confidentiality]") != std::string::npos)
        traits.lockdown =
            "the kernel is locked down (lockdown=confidentiality), where BPF programs "
            "may not read its memory: boot with lockdown=integrity, or without";
    if (read_line(sys + "/kernel/realtime").value_or("0") == "1")
        traits.realtime = "this is a real-time kernel (PREEMPT_RT), which refuses the timer that "
                          "the scheduler needs (bpf_timer): boot a kernel without PREEMPT_RT";
    if (isolates_domains(read_line(proc + "/cmdline").value_or("")))
        traits.isolated_cpus =
            "CPUs are isolated at boot (isolcpus=), which the kernel does not allow beside a "
            "sched_ext scheduler: boot without isolcpus=, or with isolcpus=managed_irq,… alone, "
            "and "
            "isolate CPUs by an isolated cpuset partition";
    return traits;
}

} // namespace rustland
