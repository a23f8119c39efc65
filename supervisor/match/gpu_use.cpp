// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/match/gpu_use.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

namespace rustland::supervisor {
namespace {

// The beginning of a key and what its value is put into, the longer beginnings first.
enum class Fact { Capacity, Busy, TotalCycles, Cycles };
struct Prefix {
    std::string_view text;
    Fact fact;
};
constexpr std::array<Prefix, 4> kPrefixes{{{"drm-engine-capacity-", Fact::Capacity},
                                           {"drm-engine-", Fact::Busy},
                                           {"drm-total-cycles-", Fact::TotalCycles},
                                           {"drm-cycles-", Fact::Cycles}}};

// A player of videos, an encoder of streams, a model and a copy of textures keep these busy, and no
// game needs them to draw. The last three are v3d's: it converts textures, and calls an engine what
// it leaves to the CPU and what it does to its caches.
bool draws_or_computes(std::string_view engine) {
    constexpr std::array<std::string_view, 14> others{"video", "dec", "enc",  "jpeg",       "vpe",
                                                      "npu",   "vcs", "vecs", "copy",       "bcs",
                                                      "dma",   "tfu", "cpu",  "cache_clean"};
    return std::none_of(others.begin(), others.end(),
                        [&](std::string_view other) { return engine.starts_with(other); });
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return {};
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

// A number, with the one unit that engines have or none.
std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
    if (error != std::errc{} || !(unit.empty() || unit == "ns"))
        return std::nullopt;
    return value;
}

void put(DrmClient& client, std::string_view key, std::string_view text) {
    for (const Prefix& prefix : kPrefixes) {
        if (!key.starts_with(prefix.text))
            continue;
        const std::string_view engine = key.substr(prefix.text.size());
        const auto value = number(text);
        if (engine.empty() || !value || !draws_or_computes(engine))
            return;
        EngineUse& use = client.engines[std::string(engine)];
        if (prefix.fact == Fact::Capacity)
            use.capacity = std::max<std::uint64_t>(*value, 1);
        else if (prefix.fact == Fact::Busy)
            use.busy_ns = value;
        else if (prefix.fact == Fact::TotalCycles)
            use.total_cycles = value;
        else
            use.cycles = value;
        return;
    }
}

bool is_told(const EngineUse& use) { return use.busy_ns || (use.cycles && use.total_cycles); }

// How far a counter went on; one that was set back says nothing.
double growth(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now) {
    return now && *now > before.value_or(0) ? static_cast<double>(*now - before.value_or(0)) : 0;
}

double share(const EngineUse& before, const EngineUse& now, Nanos passed) {
    const auto capacity = static_cast<double>(now.capacity);
    if (now.busy_ns)
        return growth(before.busy_ns, now.busy_ns) / static_cast<double>(passed.value) / capacity;
    const double total = growth(before.total_cycles, now.total_cycles);
    // Without an earlier reading the cycles that there were are those since the machine began.
    return total > 0 && before.total_cycles ? growth(before.cycles, now.cycles) / total / capacity
                                            : 0;
}

const DrmClient* same_client(const GpuReading& reading, const DrmClient& client) {
    for (const DrmClient& other : reading.clients)
        if (other.device == client.device && other.id == client.id)
            return &other;
    return nullptr;
}

// Of the busiest engine, over all clients of a process.
double percent_between(const GpuReading& before, const GpuReading& now, Nanos passed) {
    std::map<std::pair<std::string, std::string>, double> shares;
    for (const DrmClient& client : now.clients) {
        const DrmClient* earlier = same_client(before, client);
        for (const auto& [engine, use] : client.engines) {
            EngineUse then;
            if (earlier != nullptr)
                if (const auto found = earlier->engines.find(engine);
                    found != earlier->engines.end())
                    then = found->second;
            shares[{client.device, engine}] += share(then, use, passed);
        }
    }
    double most = 0;
    for (const auto& [engine, of_it] : shares)
        most = std::max(most, of_it);
    return std::min(100.0, 100.0 * most);
}

// A descriptor that was duplicated tells the same client again.
void drop_duplicates(GpuReading& reading) {
    std::vector<DrmClient> kept;
    for (DrmClient& client : reading.clients) {
        const bool again = std::any_of(kept.begin(), kept.end(), [&](const DrmClient& other) {
            return other.device == client.device && other.id == client.id;
        });
        if (!again)
            kept.push_back(std::move(client));
    }
    reading.clients = std::move(kept);
}

} // namespace

std::optional<DrmClient> parse_drm_fdinfo(std::string_view text) {
    DrmClient client;
    std::string driver;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        const std::string_view key = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (key == "drm-driver")
            driver = value;
        else if (key == "drm-pdev")
            client.device = value;
        else if (key == "drm-client-id")
            client.id = value;
        else
            put(client, key, value);
    }
    client.device = driver + " " + client.device;
    std::erase_if(client.engines, [](const auto& engine) { return !is_told(engine.second); });
    return client.engines.empty() ? std::nullopt : std::optional(std::move(client));
}

GpuUse GpuWatch::look(const ProcessKey& process, GpuReading reading, Nanos now) {
    drop_duplicates(reading);
    GpuUse use;
    const auto before = known_.find(process);
    if (reading.hidden)
        use.state = GpuUse::State::Hidden;
    else if (!reading.device)
        use.state = GpuUse::State::NoDevice;
    else if (reading.clients.empty())
        use.state = GpuUse::State::NotTold;
    else if (before == known_.end() || now <= before->second.at)
        use.state = GpuUse::State::FirstLook;
    else
        use = {GpuUse::State::Known,
               percent_between(before->second.reading, reading, now - before->second.at)};
    known_.insert_or_assign(process, Known{std::move(reading), now, use});
    return use;
}

std::optional<GpuUse> GpuWatch::last(const ProcessKey& process) const {
    const auto found = known_.find(process);
    return found == known_.end() ? std::nullopt : std::optional(found->second.use);
}

void GpuWatch::forget_before(Nanos then) {
    std::erase_if(known_, [then](const auto& known) { return known.second.at < then; });
}

} // namespace rustland::supervisor
