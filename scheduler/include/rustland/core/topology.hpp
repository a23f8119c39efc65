// SPDX-License-Identifier: GPL-2.0-only
// Which CPUs a machine has and what they share. Pure: made from facts that someone else has read.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "rustland/policy/policy.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace rustland {

// Parses a list of CPUs as the kernel writes it, "0-3,8,10-11"; empty text is an empty list.
// Ascending, no CPU twice, numbers below 65536.
Result<std::vector<CpuId>> parse_cpu_list(std::string_view text);

// What is known of one CPU, before the machine is understood.
struct CpuFacts {
    CpuId id;
    bool online = true;
    std::vector<CpuId> llc_cpus;     // that share its last-level cache; empty: unknown
    std::vector<CpuId> sibling_cpus; // SMT threads of its core, itself among them; may be empty
    std::optional<std::int32_t> package;
    std::optional<std::int32_t> node; // NUMA
    // Relative speed, in the unit of each source.
    std::optional<std::uint64_t> capacity;      // the kernel's own, 1024 is the largest CPU
    std::optional<std::uint64_t> highest_perf;  // ACPI CPPC
    std::optional<std::uint64_t> max_frequency; // cpufreq, kHz
};

struct Cpu {
    CpuId id;
    bool online = false;
    std::uint16_t llc = 0;         // dense, in order of the first CPU
    std::uint16_t core = 0;        // dense; CPUs with the same number are SMT siblings
    std::uint16_t node = 0;        // dense
    std::uint32_t capacity = 1024; // 1 to 1024; all are equal where there is one kind of core
    bool large = true;             // of the fastest kind of core
};

struct Topology {
    std::vector<Cpu> cpus;    // possible CPUs, ascending; ids may have gaps
    std::uint32_t nr_ids = 0; // largest possible id + 1
    std::uint32_t nr_online = 0;
    std::uint32_t nr_llcs = 0;
    std::uint32_t nr_cores = 0;
    std::uint32_t nr_nodes = 0;

    // The cache of each CPU by id; 0 for ids that no CPU has.
    [[nodiscard]] std::vector<std::uint16_t> llc_by_id() const;
    [[nodiscard]] bool has_smt() const { return nr_cores < cpus.size(); }
    // Whether some CPUs are slower by design.
    [[nodiscard]] bool has_mixed_capacity() const;
    // 1 for each large CPU, by id, if others are small; else empty.
    [[nodiscard]] std::vector<std::uint8_t> big_by_id() const;
};

// The CPU to name in the decision about a task: `preferred` if it is online, else the online CPU
// that is nearest to it (its core, its last-level cache, its NUMA node, any). A task that may not
// run everywhere stays where it ran last, since nobody in user space knows where else it may run.
// kAnyCpu if nothing is online. The kernel side has the last word: it knows the affinity, and it
// sends a task to an idle CPU if there is one.
CpuId select_cpu(const Topology& topology, CpuId preferred, const QueuedTask& task);

// Facts may come in any order; at least one CPU. A CPU whose cache is unknown (offline, or a
// machine that tells nothing) shares it with its package, and with everything if that is unknown,
// too. Capacity comes from the first source that knows every online CPU and in which they are of
// more than one kind: a source may be there and tell nothing. The differences in speed between
// cores of one kind, such as the order in which they should be filled, do not count.
Topology build_topology(std::vector<CpuFacts> facts);

} // namespace rustland
