// SPDX-License-Identifier: GPL-2.0-only
#include "stats.hpp"

#include "waits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <string_view>

namespace rustland {
namespace {

Value number(std::uint64_t value) { return static_cast<double>(value); }

Value number(const std::optional<std::uint64_t>& value) {
    return value ? number(*value) : std::nullopt;
}

// A sum of counters that are read one after the other, less others: not below zero.
Value difference(std::uint64_t whole, std::uint64_t parts) {
    return number(whole > parts ? whole - parts : 0);
}

Value share(double part, double whole) {
    if (whole <= 0)
        return std::nullopt;
    return std::min(100.0 * part / whole, 100.0);
}

Value decided_share(double decided, double undecided) {
    return share(decided, decided + undecided);
}

constexpr FieldKind kCounter = FieldKind::Counter;
constexpr FieldKind kGauge = FieldKind::Gauge;

#define KERNEL_COUNTER(member) [](const Snapshot& s) { return number(s.kernel.member); }

const std::array kFields{
    Field{"uptime", kCounter, "s", "since it was attached",
          [](const Snapshot& s) { return Value(static_cast<double>(s.uptime.value) / 1e9); }},
    Field{"online_cpus", kGauge, "CPUs", "that are online",
          [](const Snapshot& s) { return number(s.online_cpus); }},
    Field{"runnable", kGauge, "tasks", "that run or wait for a CPU, on the whole machine",
          [](const Snapshot& s) { return number(s.runnable); }},
    Field{"pending", kGauge, "tasks", "that wait for a decision",
          [](const Snapshot& s) {
              return difference(s.kernel.queued,
                                s.kernel.decided + s.kernel.fallback + s.kernel.dequeued);
          }},
    Field{"policy_waiting", kGauge, "tasks", "of these, those that the policy holds",
          [](const Snapshot& s) { return number(s.policy_waiting); }},
    Field{"queued", kCounter, "tasks", "given to the policy for a decision",
          KERNEL_COUNTER(queued)},
    Field{"decided", kCounter, "tasks", "of these, those that the policy decided",
          KERNEL_COUNTER(decided)},
    Field{"fallback", kCounter, "tasks",
          "of these, those that ran without a decision when the lease was over; should stay 0",
          KERNEL_COUNTER(fallback)},
    Field{"dequeued", kCounter, "tasks",
          "of these, those that slept, left or were enqueued anew before a decision",
          KERNEL_COUNTER(dequeued)},
    Field{"congested", kCounter, "tasks",
          "that ran without a decision since the ring to user space was full",
          KERNEL_COUNTER(congested)},
    Field{"unasked", kCounter, "tasks",
          "that ran by the policy's last word about them since it was silent; should stay 0",
          KERNEL_COUNTER(unasked)},
    Field{"resumed", kCounter, "tasks",
          "that were interrupted and went on with the rest of their slice: no new decision",
          KERNEL_COUNTER(resumed)},
    Field{"handed_on", kCounter, "tasks",
          "that a task on its way to sleep woke and gave the rest of its slice: no new decision",
          KERNEL_COUNTER(handed_on)},
    Field{"went_on", kCounter, "times",
          "that a task used its slice up and got another one at once, being due before all that "
          "waited: no new decision",
          KERNEL_COUNTER(went_on)},
    Field{"standing", kCounter, "times",
          "that a task woke up while the last decision about it held: no new decision",
          KERNEL_COUNTER(standing)},
    Field{"groups_lost", kCounter, "groups",
          "(cgroups, sessions) that had no place in the table of shares; should stay 0",
          KERNEL_COUNTER(groups_lost)},
    Field{"decided_share", kGauge, "%",
          "of the tasks that were sent on and for which no CPU was idle, those that the policy "
          "decided: below 90 the policy does not run where it should",
          [](const Snapshot& s) {
              return decided_share(
                  static_cast<double>(s.kernel.decided),
                  static_cast<double>(s.kernel.fallback + s.kernel.congested + s.kernel.unasked));
          }},
    Field{"foreground", kCounter, "tasks", "given to the policy that are in the foreground",
          KERNEL_COUNTER(foreground)},
    Field{"background", kCounter, "tasks", "given to the policy that are in the background",
          KERNEL_COUNTER(background)},
    Field{"idle", kCounter, "tasks", "that found an idle CPU at once, without a decision",
          KERNEL_COUNTER(idle)},
    Field{"bypass_kthread", kCounter, "tasks",
          "never given to the policy: kernel threads bound to a CPU or freeing memory, tasks that "
          "may not leave their CPU for a moment, and with --percpu-local all bound to a CPU",
          KERNEL_COUNTER(bypass_kthread)},
    Field{"bypass_self", kCounter, "tasks", "threads of rustland itself",
          KERNEL_COUNTER(bypass_self)},
    Field{"stale", kCounter, "decisions", "that came too late: the task had left",
          KERNEL_COUNTER(stale)},
    Field{"retried", kCounter, "decisions", "that came too early and were said again",
          KERNEL_COUNTER(retried)},
    Field{"kick_idle", kCounter, "CPUs", "woken from idle for a task", KERNEL_COUNTER(kick_idle)},
    Field{"kick_preempt", kCounter, "CPUs", "interrupted for a task", KERNEL_COUNTER(kick_preempt)},
    Field{"kick_dry", kCounter, "CPUs", "of these, those that had just run out of work",
          KERNEL_COUNTER(kick_dry)},
    Field{"stolen", kCounter, "tasks", "taken over from another CPU or another cache",
          KERNEL_COUNTER(stolen)},
    Field{"notified", kCounter, "wake-ups", "of the policy since queued work ran low",
          KERNEL_COUNTER(notified)},
    Field{"speed_hints", kCounter, "times",
          "that the frequency governor was told how fast a CPU should run",
          KERNEL_COUNTER(speed_hints)},
    Field{"speed", kGauge, "%",
          "of full speed that the governor was asked for, in the mean of the CPUs",
          [](const Snapshot& s) {
              return share(static_cast<double>(s.kernel.speed),
                           static_cast<double>(s.online_cpus.value_or(0) * RL_SPEED_FULL));
          }},
    Field{"reenqueued", kCounter, "times",
          "that a higher class (real-time) took a CPU with tasks on it",
          KERNEL_COUNTER(reenqueued)},
    Field{"errors", kCounter, "tasks", "that were not known to the scheduler; must stay 0",
          KERNEL_COUNTER(errors)},
    Field{"lease_active", kGauge, "", "1 while tasks run without decisions since none come",
          [](const Snapshot& s) { return number(std::uint64_t{s.lease_active}); }},
    Field{"limit_periods", kCounter, "periods", "in which a cgroup used its CPU limit (cpu.max) up",
          KERNEL_COUNTER(limit_periods)},
    Field{"held_back", kCounter, "tasks", "that had to wait since a CPU limit was used up",
          KERNEL_COUNTER(held_back)},
    Field{"held_time", kCounter, "s", "for which they had to, all of them together",
          [](const Snapshot& s) { return Value(static_cast<double>(s.kernel.held_ns) / 1e9); }},
    Field{"limits_missed", kGauge, "", "1 when there is a CPU limit that is not enforced",
          [](const Snapshot& s) { return number(std::uint64_t{s.limits_missed}); }},
    Field{"rounds", kCounter, "rounds", "of the dispatch loop that had something to do",
          [](const Snapshot& s) { return number(s.loop.rounds); }},
    Field{"received", kCounter, "tasks", "that the dispatch loop has read",
          [](const Snapshot& s) { return number(s.loop.received); }},
    Field{"moved", kCounter, "decisions", "of the dispatch loop that were carried out",
          [](const Snapshot& s) { return number(s.loop.moved); }},
    Field{"given_up", kCounter, "decisions",
          "that were said again too often and left to the lease; should stay 0",
          [](const Snapshot& s) { return number(s.loop.given_up); }},
    Field{"no_room", kCounter, "tasks", "decided by default since the policy was full",
          [](const Snapshot& s) { return number(s.loop.no_room); }},
    Field{"budget_sleeps", kCounter, "times", "that the policy's thread paused to let others run",
          [](const Snapshot& s) { return number(s.loop.budget_sleeps); }},
    Field{"policy_errors", kCounter, "times",
          "that the policy threw an exception: what it was asked about was decided without it; "
          "must stay 0",
          [](const Snapshot& s) { return number(s.loop.policy_errors); }},
    Field{"exits", kCounter, "tasks", "of which the policy was told that they are gone",
          [](const Snapshot& s) { return number(s.loop.exits); }},
    Field{"exits_lost", kCounter, "tasks",
          "of which it was not told, since too many went while it had nothing to do",
          KERNEL_COUNTER(exits_lost)},
    Field{
        "longest_round", kGauge, "s", "that the dispatch loop took for one round so far",
        [](const Snapshot& s) { return Value(static_cast<double>(s.longest_round.value) / 1e9); }},
    Field{"thread_cpu", kCounter, "s", "CPU time of the policy's thread",
          [](const Snapshot& s) { return Value(static_cast<double>(s.thread_cpu.value) / 1e9); }},
    Field{"realtime", kGauge, "", "1 while the policy's thread has real-time priority",
          [](const Snapshot& s) { return number(std::uint64_t{s.realtime}); }},
    Field{"page_faults", kCounter, "faults", "of the policy's thread; must stay 0",
          [](const Snapshot& s) { return number(s.page_faults); }},
    Field{"allocations", kCounter, "calls",
          "of the memory allocator by the policy's thread; must stay 0",
          [](const Snapshot& s) { return number(s.allocations); }},
    Field{"memory_overflows", kCounter, "calls",
          "of a policy for memory that its program had not set aside; must stay 0",
          [](const Snapshot& s) { return number(s.memory_overflows); }},
    Field{"resident", kGauge, "bytes", "of memory that rustland occupies",
          [](const Snapshot& s) { return number(s.resident_bytes); }},
};

#undef KERNEL_COUNTER

std::size_t index_of(std::string_view name) {
    const auto found = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const Field& field) { return field.name == name; });
    return static_cast<std::size_t>(found - kFields.begin());
}

// What the columns of the table are made of.
class Interval {
  public:
    Interval(const Values& before, const Values& now) : before_(before), now_(now) {}

    [[nodiscard]] Value gauge(std::string_view name) const { return now_.at(index_of(name)); }
    [[nodiscard]] Value growth(std::string_view name) const {
        const Value from = before_.at(index_of(name));
        const Value to = gauge(name);
        return from && to ? Value(*to - *from) : std::nullopt;
    }
    [[nodiscard]] Value rate(std::string_view name) const {
        const double time = growth("uptime").value_or(0);
        const Value change = growth(name);
        return change && time > 0 ? Value(*change / time) : std::nullopt;
    }
    [[nodiscard]] Value decided_share() const {
        return rustland::decided_share(growth("decided").value_or(0),
                                       growth("fallback").value_or(0) +
                                           growth("congested").value_or(0) +
                                           growth("unasked").value_or(0));
    }

  private:
    const Values& before_;
    const Values& now_;
};

struct Column {
    const char* heading;
    int width;
    int decimals;
    Value (*get)(const Interval& interval);
};

Value scaled(Value value, double factor) { return value ? Value(*value * factor) : std::nullopt; }

const std::array kColumns{
    Column{"cpus", 4, 0, [](const Interval& i) { return i.gauge("online_cpus"); }},
    Column{"runnable", 8, 0, [](const Interval& i) { return i.gauge("runnable"); }},
    Column{"pending", 7, 0, [](const Interval& i) { return i.gauge("pending"); }},
    Column{"idle/s", 8, 0, [](const Interval& i) { return i.rate("idle"); }},
    Column{"queued/s", 8, 0, [](const Interval& i) { return i.rate("queued"); }},
    Column{"decided%", 8, 1, [](const Interval& i) { return i.decided_share(); }},
    Column{"fallback/s", 10, 0, [](const Interval& i) { return i.rate("fallback"); }},
    Column{"congested/s", 11, 0, [](const Interval& i) { return i.rate("congested"); }},
    Column{"preempt/s", 9, 0, [](const Interval& i) { return i.rate("kick_preempt"); }},
    Column{"cpu%", 5, 2, [](const Interval& i) { return scaled(i.rate("thread_cpu"), 100); }},
    Column{"faults", 6, 0, [](const Interval& i) { return i.gauge("page_faults"); }},
    Column{"allocs", 6, 0, [](const Interval& i) { return i.gauge("allocations"); }},
    Column{"MiB", 5, 1, [](const Interval& i) { return scaled(i.gauge("resident"), 0x1p-20); }},
};

} // namespace

void Snapshot::set_loop(const LoopCounters& counters) {
    loop.rounds = counters.rounds.get();
    loop.received = counters.received.get();
    loop.moved = counters.moved.get();
    loop.given_up = counters.given_up.get();
    loop.no_room = counters.no_room.get();
    loop.budget_sleeps = counters.budget_sleeps.get();
    loop.exits = counters.exits.get();
    loop.policy_errors = counters.policy_errors.get();
}

std::span<const Field> stats_fields() { return kFields; }

Values values_of(const Snapshot& snapshot) {
    Values values;
    values.reserve(kFields.size());
    for (const Field& field : kFields)
        values.push_back(field.get(snapshot));
    return values;
}

void update_json(nlohmann::json& json, const Values& values) {
    for (std::size_t i = 0; i < kFields.size(); ++i) {
        auto& place = json[kFields[i].name];
        const Value& value = values.at(i);
        if (!value)
            place = nullptr;
        // Whole numbers without ".0".
        else if (*value == std::floor(*value) && std::fabs(*value) < 0x1p53)
            place = static_cast<std::int64_t>(*value);
        else
            place = *value;
    }
}

nlohmann::json to_json(const Values& values) {
    nlohmann::json json = nlohmann::json::object();
    update_json(json, values);
    return json;
}

Result<Values> values_from_json(const nlohmann::json& json) {
    if (!json.is_object())
        return Error("the statistics are not a JSON object");
    Values values(kFields.size());
    for (std::size_t i = 0; i < kFields.size(); ++i) {
        const auto found = json.find(kFields[i].name);
        if (found == json.end() || found->is_null())
            continue;
        if (!found->is_number())
            return Error(fmt::format("the statistic '{}' is not a number", kFields[i].name));
        values[i] = found->get<double>();
    }
    return values;
}

std::string stats_heading() {
    std::string line;
    for (const Column& column : kColumns)
        line += fmt::format("{}{:>{}}", line.empty() ? "" : " ", column.heading, column.width);
    return line;
}

std::string stats_line(const Values& before, const Values& now) {
    const Interval interval(before, now);
    std::string line;
    for (const Column& column : kColumns) {
        const Value value = column.get(interval);
        const std::string text = value ? fmt::format("{:.{}f}", *value, column.decimals) : "-";
        line += fmt::format("{}{:>{}}", line.empty() ? "" : " ", text, column.width);
    }
    return line;
}

std::string help_stats_text() {
    std::string out = "The statistics, under their names in the JSON of the socket. Counters grow "
                      "from 0 at attach;\nthe tables of --stats and --monitor show most of "
                      "them per second, faults and\nallocs as totals.\n\n";
    for (const Field& field : kFields)
        out += fmt::format("  {:<15} {:<8} {}{}{}\n", field.name,
                           field.kind == FieldKind::Counter ? "counter" : "gauge", field.unit,
                           *field.unit != '\0' ? " " : "", field.help);
    return out + help_waits_text();
}

} // namespace rustland
