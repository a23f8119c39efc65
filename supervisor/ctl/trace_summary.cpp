// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/trace_summary.hpp"

#include "supervisor/ctl/print.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr std::size_t kMostMeanwhile = 3;

struct Stretch {
    std::string name; // "comm (pid)"
    Nanos from;
    Nanos to;
};

std::string name_of(const std::string& comm, std::int32_t pid) {
    return pid == 0 ? "idle" : fmt::format("{} ({})", comm, pid);
}

// Follows the events and keeps what each task and each CPU is at.
class Follower {
  public:
    explicit Follower(TraceSummary& summary) : summary_(summary) {}

    void take(const TraceEvent& event) {
        if (const auto* change = std::get_if<SwitchEvent>(&event.what)) {
            ++summary_.switches;
            leave(*change, event);
            arrive(*change, event);
        } else if (const auto* waking = std::get_if<WakingEvent>(&event.what)) {
            ++summary_.wakeups;
            Task& task = task_of(waking->pid, waking->comm);
            // One that runs, or waits already, is told to wake up now and then, too.
            if (!task.wants_since && !task.runs_since)
                task.wants_since = event.at;
        } else {
            ++summary_.others;
        }
    }
    void finish() {
        for (auto& [pid, task] : tasks_)
            if (pid != 0)
                summary_.tasks.push_back(std::move(task.summary));
        std::stable_sort(
            summary_.tasks.begin(), summary_.tasks.end(),
            [](const TaskSummary& a, const TaskSummary& b) { return a.runs.total > b.runs.total; });
        std::stable_sort(waits_.begin(), waits_.end(),
                         [](const LongWait& a, const LongWait& b) { return a.length > b.length; });
    }
    // After finish().
    void explain(std::size_t count) {
        waits_.resize(std::min(waits_.size(), count));
        for (LongWait& wait : waits_)
            wait.meanwhile = meanwhile(wait);
        summary_.longest_waits = std::move(waits_);
    }

  private:
    struct Task {
        TaskSummary summary;
        std::optional<Nanos> wants_since;
        std::optional<Nanos> runs_since;
    };
    Task& task_of(std::int32_t pid, const std::string& comm) {
        Task& task = tasks_[pid];
        task.summary.pid = pid;
        task.summary.comm = comm;
        return task;
    }
    void leave(const SwitchEvent& change, const TraceEvent& event) {
        Task& task = task_of(change.prev_pid, change.prev_comm);
        auto& since = started_[event.cpu];
        // What ran when the trace began has no beginning.
        if (since)
            stretches_[event.cpu].push_back(
                {name_of(change.prev_comm, change.prev_pid), *since, event.at});
        if (change.prev_pid == 0)
            return;
        if (task.runs_since)
            task.summary.runs.add(event.at - *task.runs_since);
        task.runs_since.reset();
        task.wants_since = change.prev_runnable ? std::optional(event.at) : std::nullopt;
    }
    void arrive(const SwitchEvent& change, const TraceEvent& event) {
        started_[event.cpu] = event.at;
        if (change.next_pid == 0)
            return;
        Task& task = task_of(change.next_pid, change.next_comm);
        task.runs_since = event.at;
        if (!task.wants_since)
            return;
        const Nanos length = event.at - *task.wants_since;
        task.summary.waits.add(length);
        waits_.push_back(
            {change.next_pid, change.next_comm, event.cpu, *task.wants_since, length, {}});
        task.wants_since.reset();
    }
    [[nodiscard]] std::vector<std::pair<std::string, Nanos>> meanwhile(const LongWait& wait) {
        std::map<std::string, Nanos> ran;
        const Nanos end = wait.from + wait.length;
        const auto& all = stretches_[wait.cpu];
        auto stretch = std::lower_bound(all.begin(), all.end(), wait.from,
                                        [](const Stretch& s, Nanos from) { return s.to <= from; });
        for (; stretch != all.end() && stretch->from < end; ++stretch)
            ran[stretch->name] += std::min(stretch->to, end) - std::max(stretch->from, wait.from);
        std::vector<std::pair<std::string, Nanos>> sorted(ran.begin(), ran.end());
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        sorted.resize(std::min(sorted.size(), kMostMeanwhile));
        return sorted;
    }

    TraceSummary& summary_;
    std::map<std::int32_t, Task> tasks_;
    std::map<int, std::optional<Nanos>> started_; // by CPU: since when its task runs
    std::map<int, std::vector<Stretch>> stretches_;
    std::vector<LongWait> waits_;
};

std::string duration(Nanos value) {
    const auto micros = static_cast<double>(value.value) / 1e3;
    if (micros < 1e3)
        return fmt::format("{:.0f} us", micros);
    return micros < 1e6 ? fmt::format("{:.1f} ms", micros / 1e3)
                        : fmt::format("{:.2f} s", micros / 1e6);
}

std::string counts_of(const DurationHistogram& histogram) {
    std::string text;
    for (const std::uint64_t count : histogram.counts)
        text += fmt::format("{:>7}", count == 0 ? "." : std::to_string(count));
    return text;
}

json to_json(const DurationHistogram& histogram) {
    json bounds = json::array();
    for (const std::int64_t bound : DurationHistogram::kBounds)
        bounds.push_back(bound);
    return {{"count", histogram.count},
            {"total_ns", histogram.total.value},
            {"longest_ns", histogram.longest.value},
            {"bounds_ns", bounds},
            {"counts", histogram.counts}};
}

} // namespace

void DurationHistogram::add(Nanos duration) {
    const auto bound = std::upper_bound(kBounds.begin(), kBounds.end(), duration.value);
    ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
    ++count;
    total += duration;
    longest = std::max(longest, duration);
}

TraceSummary summarise(const Trace& trace, std::size_t longest_waits) {
    TraceSummary summary;
    summary.lost = trace.lost;
    if (trace.events.empty())
        return summary;
    summary.start = trace.events.front().at;
    summary.length = trace.events.back().at - summary.start;
    Follower follower(summary);
    for (const TraceEvent& event : trace.events)
        follower.take(event);
    follower.finish();
    follower.explain(longest_waits);
    return summary;
}

std::string to_text(const TraceSummary& summary, std::size_t most_tasks) {
    std::string text =
        fmt::format("{} of {} switches, {} wake-ups, {} other events{}\n", duration(summary.length),
                    summary.switches, summary.wakeups, summary.others,
                    summary.lost > 0 ? fmt::format("; {} LOST", summary.lost) : "");
    const std::string columns = "  <10us <100us   <1ms  <10ms <100ms  above";
    for (const bool waits : {false, true}) {
        text += fmt::format("\n{:<18}{:>8}{:>10}{:>10} {}\n", waits ? "Waits of" : "Runs of", "pid",
                            "in all", "longest", columns);
        std::size_t shown = 0;
        for (const TaskSummary& task : summary.tasks) {
            const DurationHistogram& histogram = waits ? task.waits : task.runs;
            if (shown++ == most_tasks)
                break;
            text += fmt::format("{:<18}{:>8}{:>10}{:>10} {}\n", safe(task.comm), task.pid,
                                duration(histogram.total), duration(histogram.longest),
                                counts_of(histogram));
        }
        if (summary.tasks.size() > most_tasks)
            text += fmt::format("… and {} more\n", summary.tasks.size() - most_tasks);
    }
    text += "\nThe longest waits, and what ran on that CPU meanwhile\n";
    for (const LongWait& wait : summary.longest_waits) {
        text += fmt::format("{:>10}  {} at {:.6f} s, CPU {}:", duration(wait.length),
                            safe(name_of(wait.comm, wait.pid)),
                            static_cast<double>(wait.from.value) / 1e9, wait.cpu);
        for (const auto& [name, ran] : wait.meanwhile)
            text += fmt::format(" {} {}{}", safe(name), duration(ran),
                                &name == &wait.meanwhile.back().first ? "" : ",");
        text += '\n';
    }
    return text;
}

json to_json(const TraceSummary& summary) {
    json tasks = json::array();
    for (const TaskSummary& task : summary.tasks)
        tasks.push_back({{"pid", task.pid},
                         {"comm", task.comm},
                         {"runs", to_json(task.runs)},
                         {"waits", to_json(task.waits)}});
    json waits = json::array();
    for (const LongWait& wait : summary.longest_waits) {
        json meanwhile = json::array();
        for (const auto& [name, ran] : wait.meanwhile)
            meanwhile.push_back({{"name", name}, {"ns", ran.value}});
        waits.push_back({{"pid", wait.pid},
                         {"comm", wait.comm},
                         {"cpu", wait.cpu},
                         {"at_ns", wait.from.value},
                         {"ns", wait.length.value},
                         {"meanwhile", meanwhile}});
    }
    return {{"length_ns", summary.length.value},
            {"switches", summary.switches},
            {"wakeups", summary.wakeups},
            {"other_events", summary.others},
            {"lost", summary.lost},
            {"tasks", tasks},
            {"longest_waits", waits}};
}

} // namespace rustland::supervisor
