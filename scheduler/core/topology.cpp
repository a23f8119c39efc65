// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/core/topology.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <utility>

namespace rustland {
namespace {

constexpr std::int32_t kMaxCpuId = 65535;
constexpr std::uint32_t kFullCapacity = 1024;

std::optional<std::int32_t> parse_id(std::string_view text) {
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0 ||
        value > kMaxCpuId)
        return std::nullopt;
    return value;
}

// What a CPU shares with others, as a value that is equal for those that share it: the kind of
// knowledge and the smallest CPU or the package.
using ShareKey = std::pair<int, std::int32_t>;

ShareKey llc_key(const CpuFacts& cpu) {
    if (!cpu.llc_cpus.empty())
        return {0, cpu.llc_cpus.front().value};
    if (cpu.package)
        return {1, *cpu.package};
    return {2, 0};
}

ShareKey core_key(const CpuFacts& cpu) {
    if (!cpu.sibling_cpus.empty())
        return {0, cpu.sibling_cpus.front().value};
    return {0, cpu.id.value};
}

// Gives equal keys equal numbers, from 0 in order of first use.
template <typename Key> class Numbering {
  public:
    std::uint16_t of(const Key& key) {
        const auto [place, added] = numbers_.try_emplace(key, numbers_.size());
        return static_cast<std::uint16_t>(place->second);
    }
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(numbers_.size()); }

  private:
    std::map<Key, std::size_t> numbers_;
};

// Where speeds are told, the most trustworthy place first. What each of them tells of cores of one
// kind differs, too: two neighbours in the order of speed are of different kinds from `gap` percent
// on.
struct SpeedSource {
    std::optional<std::uint64_t> CpuFacts::*value;
    std::uint64_t gap;
};
constexpr SpeedSource kSpeedSources[] = {
    // A size, which the kernel has measured. Where the kernel measures nothing, all are equal.
    {&CpuFacts::capacity, 133},
    // On AMD a rank for the order in which cores are filled, 236 to 166 on cores of one kind (142
    // %);
    // on Intel a size, 68 to 42 (162 %).
    {&CpuFacts::highest_perf, 150},
    // Cores of one kind differ by their binning and their cache, 5.76 to 5.27 GHz (109 %); large
    // and
    // small ones 5.1 to 3.9 GHz (131 %).
    {&CpuFacts::max_frequency, 125}};

// The speed of the slowest CPU of the fastest kind, or nothing where a CPU is not told about or
// where all are of one kind.
std::optional<std::uint64_t> slowest_large(const std::vector<CpuFacts>& facts,
                                           const SpeedSource& source) {
    std::vector<std::uint64_t> speeds;
    for (const CpuFacts& cpu : facts)
        if (cpu.online)
            speeds.push_back((cpu.*source.value).value_or(0));
    std::sort(speeds.begin(), speeds.end(), std::greater<>());
    if (speeds.empty() || speeds.back() == 0)
        return std::nullopt;
    for (std::size_t i = 1; i < speeds.size(); ++i)
        if (speeds[i - 1] * 100 >= speeds[i] * source.gap)
            return speeds[i - 1];
    return std::nullopt;
}

void scale_capacity(const std::vector<CpuFacts>& facts, std::vector<Cpu>& cpus) {
    for (const SpeedSource& source : kSpeedSources) {
        const auto large = slowest_large(facts, source);
        if (!large)
            continue;
        std::uint64_t fastest = 0;
        for (const CpuFacts& cpu : facts)
            if (cpu.online)
                fastest = std::max(fastest, (cpu.*source.value).value_or(0));
        for (std::size_t i = 0; i < facts.size(); ++i) {
            // Of an offline one little may be known, and that little may be old.
            const std::uint64_t speed =
                std::min((facts[i].*source.value).value_or(fastest), fastest);
            cpus[i].large = speed >= *large;
            cpus[i].capacity =
                std::max(static_cast<std::uint32_t>(speed * kFullCapacity / fastest), 1U);
        }
        return;
    }
}

} // namespace

Result<std::vector<CpuId>> parse_cpu_list(std::string_view text) {
    std::vector<CpuId> cpus;
    const auto bad = [&] { return Error("'" + std::string(text) + "' is not a list of CPUs"); };
    if (text.empty())
        return cpus;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string_view part = text.substr(at, comma - at);
        const std::size_t dash = part.find('-');
        const auto first = parse_id(part.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_id(part.substr(dash + 1));
        if (!first || !last || *last < *first || (!cpus.empty() && *first <= cpus.back().value))
            return bad();
        for (std::int32_t id = *first; id <= *last; ++id)
            cpus.push_back(CpuId{id});
        at = comma + 1;
    }
    return cpus;
}

std::vector<std::uint16_t> Topology::llc_by_id() const {
    std::vector<std::uint16_t> by_id(nr_ids);
    for (const Cpu& cpu : cpus)
        by_id[static_cast<std::size_t>(cpu.id.value)] = cpu.llc;
    return by_id;
}

bool Topology::has_mixed_capacity() const {
    return std::any_of(cpus.begin(), cpus.end(),
                       [this](const Cpu& cpu) { return cpu.capacity != cpus.front().capacity; });
}

std::vector<std::uint8_t> Topology::big_by_id() const {
    if (std::all_of(cpus.begin(), cpus.end(), [](const Cpu& cpu) { return cpu.large; }))
        return {};
    std::vector<std::uint8_t> by_id(nr_ids);
    for (const Cpu& cpu : cpus)
        by_id[static_cast<std::size_t>(cpu.id.value)] = cpu.large ? 1 : 0;
    return by_id;
}

CpuId select_cpu(const Topology& topology, CpuId preferred, const QueuedTask& task) {
    if (task.restricted)
        return task.cpu;
    const auto find = [&](auto condition) -> const Cpu* {
        for (const Cpu& cpu : topology.cpus) {
            if (condition(cpu))
                return &cpu;
        }
        return nullptr;
    };
    const Cpu* wanted = find([&](const Cpu& cpu) { return cpu.id == preferred; });
    if (wanted != nullptr && wanted->online)
        return preferred;
    if (wanted != nullptr) {
        for (const auto& shared : {&Cpu::core, &Cpu::llc, &Cpu::node}) {
            const Cpu* near =
                find([&](const Cpu& cpu) { return cpu.online && cpu.*shared == wanted->*shared; });
            if (near != nullptr)
                return near->id;
        }
    }
    const Cpu* any = find([](const Cpu& cpu) { return cpu.online; });
    return any != nullptr ? any->id : kAnyCpu;
}

Topology build_topology(std::vector<CpuFacts> facts) {
    std::sort(facts.begin(), facts.end(),
              [](const CpuFacts& a, const CpuFacts& b) { return a.id < b.id; });
    Topology topology;
    Numbering<ShareKey> llcs;
    Numbering<ShareKey> cores;
    Numbering<std::int32_t> nodes;
    // Online CPUs first: what is unknown of an offline one must not take the number 0 from what
    // is known of the others.
    for (const bool online : {true, false}) {
        for (const CpuFacts& cpu : facts) {
            if (cpu.online != online)
                continue;
            Cpu known;
            known.id = cpu.id;
            known.online = online;
            const bool nothing_known = !online && cpu.llc_cpus.empty() && !cpu.package;
            known.llc = nothing_known && llcs.size() > 0 ? std::uint16_t{0} : llcs.of(llc_key(cpu));
            known.core = cores.of(core_key(cpu));
            known.node =
                cpu.node || nodes.size() == 0 ? nodes.of(cpu.node.value_or(0)) : std::uint16_t{0};
            topology.cpus.push_back(known);
            topology.nr_online += online ? 1U : 0U;
        }
    }
    std::sort(topology.cpus.begin(), topology.cpus.end(),
              [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
    scale_capacity(facts, topology.cpus);
    topology.nr_ids = facts.empty() ? 0 : static_cast<std::uint32_t>(facts.back().id.value) + 1U;
    topology.nr_llcs = llcs.size();
    topology.nr_cores = cores.size();
    topology.nr_nodes = nodes.size();
    return topology;
}

} // namespace rustland
