// SPDX-License-Identifier: GPL-2.0-only
// What `rustlandctl top` shows, as lines of text: figures in, lines out. Pure.
#pragma once

#include "rustland/common/types.hpp"
#include "supervisor/ctl/scheduler_feed.hpp"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::supervisor {

// Of one CPU since boot, in clock ticks.
struct CpuTicks {
    std::uint64_t busy = 0;
    std::uint64_t all = 0;
};
// By CPU id; CPUs that are offline are missing. From the text of /proc/stat.
std::map<int, CpuTicks> parse_cpu_ticks(const std::string& text);

// What the kernel counts of a task, whoever schedules it (/proc/PID/task/TID/schedstat).
struct TaskTimes {
    Nanos ran;
    Nanos waited;           // runnable, without a CPU
    std::uint64_t runs = 0; // times that it got a CPU
    TaskTimes& operator+=(const TaskTimes& other);
};
Result<TaskTimes> parse_schedstat(const std::string& text);

// A process that the supervisor counts as a workload.
struct WatchedProcess {
    std::int32_t pid = 0;
    std::string comm;
    std::string name; // at full length
    std::string rule;
    std::string task_class;
    std::size_t threads = 0;
    TaskTimes times; // of all its threads
};

// All that is known at one moment.
struct TopMoment {
    Nanos at;
    std::optional<SchedulerSample> scheduler;
    std::string no_scheduler; // why there is none
    std::map<int, CpuTicks> cpus;
    std::vector<WatchedProcess> processes;
    std::vector<std::string> others; // workloads of other users, a line for each
    std::string supervisor;          // what it is at, in words
    std::vector<std::string> events;
};

enum class Style { Plain, Title, Dim, Good, Note, Bad };
struct Span {
    std::string text;
    Style style = Style::Plain;
};
using Line = std::vector<Span>;

struct TopSize {
    std::size_t columns = 80;
    std::size_t rows = 0; // 0: as many as it takes; where they do not suffice, the last one says so
};

// Between two moments; `before` is the first one where there is only one.
std::vector<Line> top_lines(const TopMoment& before, const TopMoment& now, TopSize size);
// The same as data.
nlohmann::json top_json(const TopMoment& before, const TopMoment& now);

std::vector<Line> top_help(TopSize size);

} // namespace rustland::supervisor
