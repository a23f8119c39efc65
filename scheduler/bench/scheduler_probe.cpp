// SPDX-License-Identifier: GPL-2.0-only
#include "bench/scheduler_probe.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace rustland::bench {
namespace {

constexpr std::size_t kCommBytes = 15;

std::optional<std::uint64_t> leading_number(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(first);
    std::uint64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{})
        return std::nullopt;
    return value;
}

// What follows `key` at the start of a line.
std::optional<std::string_view> after_key(std::string_view text, std::string_view key) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.substr(0, key.size()) == key)
            return line.substr(key.size());
        at = end + 1;
    }
    return std::nullopt;
}

} // namespace

SchedulerIdentity read_scheduler_identity(const std::string& sysfs_root) {
    const std::string directory = sysfs_root + "/kernel/sched_ext/";
    SchedulerIdentity identity;
    identity.ops = read_line(directory + "root/ops").value_or("");
    identity.enable_seq = read_line(directory + "enable_seq").value_or("");
    return identity;
}

std::optional<Pid> find_by_comm(const std::string& comm, const std::string& proc_root) {
    const std::string wanted = comm.substr(0, kCommBytes);
    std::optional<Pid> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(proc_root, error)) {
        const std::string name = entry.path().filename();
        Pid pid;
        const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), pid.value);
        if (ec != std::errc{} || end != name.data() + name.size())
            continue;
        if (read_line(entry.path().string() + "/comm").value_or("") != wanted)
            continue;
        if (!found || pid < *found)
            found = pid;
    }
    return found;
}

std::optional<std::uint64_t> status_field(const std::string& status_text, const std::string& key) {
    const auto rest = after_key(status_text, key + ":");
    return rest ? leading_number(*rest) : std::nullopt;
}

Result<SchedulerUsage> read_usage(Pid pid, const std::string& proc_root) {
    const std::string directory = proc_root + "/" + std::to_string(pid.value);
    const auto status = read_file(directory + "/status");
    if (!status)
        return status.error();
    SchedulerUsage usage;
    usage.rss_kib = status_field(*status, "VmRSS").value_or(0);
    usage.peak_rss_kib = status_field(*status, "VmHWM").value_or(0);

    // The CPU clock of another process: all its threads, also those that have ended, to the
    // nanosecond. /proc/PID/stat counts in hundredths of a second.
    clockid_t clock{};
    if (const int error = ::clock_getcpuclockid(pid.value, &clock); error != 0)
        return Error::from_code("CPU clock of process " + std::to_string(pid.value), error);
    timespec ts{};
    if (::clock_gettime(clock, &ts) != 0)
        return Error::from_errno("CPU time of process " + std::to_string(pid.value));
    usage.cpu = Nanos{std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec};
    usage.at = monotonic_now();
    return usage;
}

std::uint64_t read_context_switches(const std::string& proc_root) {
    const auto text = read_file(proc_root + "/stat");
    if (!text)
        return 0;
    const auto rest = after_key(*text, "ctxt ");
    return rest ? leading_number(*rest).value_or(0) : 0;
}

} // namespace rustland::bench
