// SPDX-License-Identifier: GPL-2.0-only
// What the kernel tells `rustlandctl top`.
#include "supervisor/ctl/top_view.hpp"

#include <charconv>
#include <sstream>
#include <system_error>

namespace rustland::supervisor {

std::map<int, CpuTicks> parse_cpu_ticks(const std::string& text) {
    constexpr std::size_t kIdle = 3;
    constexpr std::size_t kIoWait = 4;
    constexpr std::size_t kCounted = 8; // guest time is in user time already
    std::map<int, CpuTicks> cpus;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        int cpu = 0;
        const char* const end = line.data() + line.size();
        if (!line.starts_with("cpu") ||
            std::from_chars(line.data() + 3, end, cpu).ec != std::errc{})
            continue; // the sum of all, or another line
        std::istringstream words(line.substr(line.find(' ')));
        CpuTicks ticks;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < kCounted && words >> value; ++i) {
            ticks.all += value;
            ticks.busy += i == kIdle || i == kIoWait ? 0 : value;
        }
        cpus.emplace(cpu, ticks);
    }
    return cpus;
}

TaskTimes& TaskTimes::operator+=(const TaskTimes& other) {
    ran += other.ran;
    waited += other.waited;
    runs += other.runs;
    return *this;
}

Result<TaskTimes> parse_schedstat(const std::string& text) {
    std::istringstream in(text);
    TaskTimes times;
    if (!(in >> times.ran.value >> times.waited.value >> times.runs))
        return Error("not the three numbers of a schedstat file");
    return times;
}

} // namespace rustland::supervisor
