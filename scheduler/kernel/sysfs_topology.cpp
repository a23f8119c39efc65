// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/sysfs_topology.hpp"

#include "rustland/common/file.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace rustland {
namespace {

template <typename Number> std::optional<Number> read_number(const std::string& path) {
    const auto text = read_line(path);
    Number value{};
    if (!text || text->empty())
        return std::nullopt;
    const char* end = text->data() + text->size();
    const auto [parsed, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc{} || parsed != end)
        return std::nullopt;
    return value;
}

std::vector<CpuId> read_cpus(const std::string& path) {
    const auto text = read_line(path);
    if (!text)
        return {};
    return parse_cpu_list(*text).value_or({});
}

// The CPUs that share the highest cache that holds data.
std::vector<CpuId> read_llc(const std::string& cpu_dir) {
    std::vector<CpuId> sharers;
    std::int32_t highest = 0;
    for (int i = 0;; ++i) {
        const std::string index = cpu_dir + "/cache/index" + std::to_string(i);
        const auto level = read_number<std::int32_t>(index + "/level");
        if (!level)
            return sharers;
        if (*level <= highest || read_line(index + "/type").value_or("") == "Instruction")
            continue;
        auto cpus = read_cpus(index + "/shared_cpu_list");
        if (cpus.empty())
            continue;
        highest = *level;
        sharers = std::move(cpus);
    }
}

std::vector<CpuId> read_siblings(const std::string& cpu_dir) {
    auto cpus = read_cpus(cpu_dir + "/topology/core_cpus_list");
    if (cpus.empty())
        cpus = read_cpus(cpu_dir + "/topology/thread_siblings_list"); // its name before Linux 5.0
    return cpus;
}

CpuFacts read_cpu(const std::string& cpus_dir, CpuId id, bool online) {
    const std::string dir = cpus_dir + "/cpu" + std::to_string(id.value);
    CpuFacts facts;
    facts.id = id;
    facts.online = online;
    facts.llc_cpus = read_llc(dir);
    facts.sibling_cpus = read_siblings(dir);
    // The kernel writes -1 where the firmware tells nothing.
    facts.package = read_number<std::int32_t>(dir + "/topology/physical_package_id");
    if (facts.package && *facts.package < 0)
        facts.package.reset();
    facts.capacity = read_number<std::uint64_t>(dir + "/cpu_capacity");
    facts.highest_perf = read_number<std::uint64_t>(dir + "/acpi_cppc/highest_perf");
    facts.max_frequency = read_number<std::uint64_t>(dir + "/cpufreq/cpuinfo_max_freq");
    return facts;
}

void read_nodes(const std::string& nodes_dir, std::vector<CpuFacts>& facts) {
    for (const CpuId node : read_cpus(nodes_dir + "/online")) {
        const auto cpus = read_cpus(nodes_dir + "/node" + std::to_string(node.value) + "/cpulist");
        for (CpuFacts& cpu : facts) {
            if (std::binary_search(cpus.begin(), cpus.end(), cpu.id))
                cpu.node = node.value;
        }
    }
}

} // namespace

Result<Topology> read_topology(const std::string& sys_root) {
    const std::string cpus_dir = sys_root + "/devices/system/cpu";
    const auto text = read_line(cpus_dir + "/possible");
    if (!text)
        return text.error().with("reading the machine's CPUs");
    const auto possible = parse_cpu_list(*text);
    if (!possible)
        return possible.error().with(cpus_dir + "/possible");
    if (possible->empty())
        return Error(cpus_dir + "/possible names no CPU");

    // Without the file no CPU can be taken offline.
    auto online = read_cpus(cpus_dir + "/online");
    if (online.empty())
        online = *possible;
    std::vector<CpuFacts> facts;
    facts.reserve(possible->size());
    for (const CpuId id : *possible)
        facts.push_back(
            read_cpu(cpus_dir, id, std::binary_search(online.begin(), online.end(), id)));
    read_nodes(sys_root + "/devices/system/node", facts);
    return build_topology(std::move(facts));
}

} // namespace rustland
