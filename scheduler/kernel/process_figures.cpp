// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/kernel/process_figures.hpp"

#include "rustland/common/file.hpp"
#include "rustland/core/topology.hpp"

#include <charconv>
#include <system_error>
#include <unistd.h>

namespace rustland {
namespace {

// The word with this index (from 0), as a number.
std::optional<std::uint64_t> number_at(std::string_view text, std::size_t index) {
    std::size_t at = text.find_first_not_of(' ');
    for (; index > 0 && at != std::string_view::npos; --index) {
        at = text.find(' ', at);
        if (at != std::string_view::npos)
            at = text.find_first_not_of(' ', at);
    }
    if (at == std::string_view::npos)
        return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data() + at)
        return std::nullopt;
    return value;
}

} // namespace

std::optional<std::uint64_t> parse_page_faults(std::string_view stat) {
    // The name, in parentheses, may hold anything, also parentheses and spaces.
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string_view::npos)
        return std::nullopt;
    const std::string_view rest = stat.substr(name_end + 1);
    constexpr std::size_t kMinorFaults = 7; // counted from the state, proc(5): fields 10 and 12
    constexpr std::size_t kMajorFaults = 9;
    const auto minor = number_at(rest, kMinorFaults);
    const auto major = number_at(rest, kMajorFaults);
    if (!minor || !major)
        return std::nullopt;
    return *minor + *major;
}

std::optional<std::uint64_t> read_page_faults(Pid tid, const std::string& proc_root) {
    const auto text = read_file(proc_root + "/self/task/" + std::to_string(tid.value) + "/stat");
    return text ? parse_page_faults(*text) : std::nullopt;
}

std::optional<std::uint64_t> read_resident_bytes(const std::string& proc_root) {
    const auto text = read_file(proc_root + "/self/statm");
    const auto pages = text ? number_at(*text, 1) : std::nullopt;
    if (!pages)
        return std::nullopt;
    return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> read_runnable(const std::string& proc_root) {
    // "0.00 0.01 0.05 RUNNABLE/THREADS LAST_PID"
    const auto text = read_file(proc_root + "/loadavg");
    return text ? number_at(*text, 3) : std::nullopt;
}

std::optional<std::uint64_t> read_online_cpus(const std::string& sys_root) {
    const auto text = read_line(sys_root + "/devices/system/cpu/online");
    if (!text)
        return std::nullopt;
    const auto cpus = parse_cpu_list(*text);
    if (!cpus)
        return std::nullopt;
    return cpus->size();
}

} // namespace rustland
