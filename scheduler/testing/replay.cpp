// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/testing/replay.hpp"

#include <array>
#include <cstdint>
#include <istream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

namespace rustland::testing {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kClassNames{"normal", "foreground", "background"};

// Reads the members of one line. Remembers the first one that is wrong.
class Reader {
  public:
    explicit Reader(const json& line) : line_(line) {}

    // A member that may be missing: then `place` stays as it is.
    template <typename T> void number(const char* name, T& place) {
        const auto found = line_.find(name);
        if (found == line_.end())
            return;
        constexpr std::int64_t kMost =
            sizeof(T) < 8 ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                          : std::numeric_limits<std::int64_t>::max();
        if (!found->is_number_integer() || found->get<std::int64_t>() < 0 ||
            found->get<std::int64_t>() > kMost)
            wrong(name, "is not a number from 0 to " + std::to_string(kMost));
        else
            place = found->get<T>();
    }
    void time(const char* name, Nanos& place) { number(name, place.value); }
    // A span that may be negative.
    void span(const char* name, Nanos& place) {
        const auto found = line_.find(name);
        if (found == line_.end())
            return;
        if (found->is_number_integer())
            place.value = found->get<std::int64_t>();
        else
            wrong(name, "is not a whole number");
    }
    void flag(const char* name, bool& place) {
        const auto found = line_.find(name);
        if (found == line_.end())
            return;
        if (found->is_boolean())
            place = found->get<bool>();
        else
            wrong(name, "is not true or false");
    }
    void task_class(TaskClass& place) {
        const auto found = line_.find("class");
        if (found == line_.end())
            return;
        for (std::size_t i = 0; i < kClassNames.size(); ++i) {
            if (*found == kClassNames[i]) {
                place = static_cast<TaskClass>(i);
                return;
            }
        }
        wrong("class", "is not normal, foreground or background");
    }
    void need(const char* name) {
        if (!line_.contains(name))
            wrong(name, "is missing");
    }
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    void wrong(const char* name, const std::string& how) {
        if (error_.empty())
            error_ = std::string("'") + name + "' " + how;
    }

    const json& line_;
    std::string error_;
};

class Player {
  public:
    Player(Policy& policy, std::ostream& out) : policy_(policy), out_(out) {}

    Status line(const std::string& text, std::size_t number) {
        const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!line.is_object())
            return Error("not a JSON object");
        Reader reader(line);
        Nanos time = now_;
        reader.need("time");
        reader.time("time", time);
        if (reader.error().empty() && time < now_)
            return Error("'time' is before that of the line above");
        if (reader.error().empty() && time > now_) {
            finish_moment();
            now_ = time;
        }
        started_ = true;
        if (line.contains("exited"))
            exit(reader);
        else
            queue(reader, number);
        return reader.error().empty() ? Status{} : Error(reader.error());
    }

    // The policy is asked after all that happened at one time.
    void finish_moment() {
        if (!started_)
            return;
        if (policy_.tick_interval().value > 0 &&
            (!ticked_ || now_ - last_tick_ >= policy_.tick_interval())) {
            policy_.tick(now_);
            last_tick_ = now_;
            ticked_ = true;
        }
        while (const auto decision = policy_.pick(now_)) {
            states_[decision->pid.value] = decision->state;
            ++summary_.decisions;
            write(to_line(*decision));
        }
    }

    [[nodiscard]] ReplaySummary summary() const {
        ReplaySummary summary = summary_;
        summary.left = policy_.waiting();
        return summary;
    }

  private:
    [[nodiscard]] nlohmann::ordered_json to_line(const Decision& decision) const {
        nlohmann::ordered_json line{{"time", now_.value},
                                    {"pid", decision.pid.value},
                                    {"seq", decision.seq},
                                    {"cpu", decision.cpu.value},
                                    {"slice", decision.slice.value},
                                    {"deadline", decision.deadline.value},
                                    {"key", decision.key.value},
                                    {"preempt", decision.preempt},
                                    {"aged", decision.aged},
                                    {"goes_on", decision.goes_on},
                                    {"request", decision.request.value},
                                    {"bias", decision.bias.value}};
        if (const Standing& standing = decision.standing; standing.valid_for.value > 0)
            line["standing"] = {{"valid_for", standing.valid_for.value},
                                {"valid_exec", standing.valid_exec.value},
                                {"due_min", standing.due_min.value},
                                {"due_max", standing.due_max.value},
                                {"rate", standing.rate},
                                {"own_key", standing.own_key}};
        return line;
    }

    void queue(Reader& reader, std::size_t number) {
        QueuedTask task;
        task.seq = number;
        task.nr_cpus_allowed = 1;
        task.enqueued_at = now_;
        task.cpu = CpuId{0};
        reader.need("pid");
        reader.number("pid", task.pid.value);
        task.tgid = task.pid;
        reader.number("tgid", task.tgid.value);
        reader.number("seq", task.seq);
        reader.number("cpu", task.cpu.value);
        reader.time("enqueued_at", task.enqueued_at);
        reader.time("sum_exec", task.sum_exec);
        reader.time("burst_exec", task.burst_exec);
        reader.time("last_sleep", task.last_sleep);
        reader.number("sleeps", task.sleeps);
        reader.number("weight", task.weight);
        reader.span("lag", task.lag);
        reader.number("stretch", task.stretch);
        reader.number("nr_cpus_allowed", task.nr_cpus_allowed);
        reader.number("nr_waiting", task.nr_waiting);
        reader.task_class(task.task_class);
        reader.flag("wakeup", task.wakeup);
        reader.flag("restricted", task.restricted);
        reader.flag("batch", task.batch);
        reader.flag("called", task.called);
        if (!reader.error().empty())
            return;
        if (const auto known = states_.find(task.pid.value); known != states_.end())
            task.state = known->second;
        ++summary_.tasks;
        if (policy_.enqueue(task, now_))
            return;
        ++summary_.refused;
        write(
            {{"time", now_.value}, {"pid", task.pid.value}, {"seq", task.seq}, {"refused", true}});
    }

    void exit(Reader& reader) {
        Pid pid;
        reader.number("exited", pid.value);
        if (!reader.error().empty())
            return;
        states_.erase(pid.value);
        ++summary_.exits;
        if (policy_.wants_exits())
            policy_.exited(pid, now_);
    }

    void write(const nlohmann::ordered_json& line) { out_ << line.dump() << '\n'; }

    Policy& policy_;
    std::ostream& out_;
    Nanos now_;
    Nanos last_tick_;
    bool started_ = false;
    bool ticked_ = false;
    std::map<std::int32_t, PolicyState> states_;
    ReplaySummary summary_;
};

} // namespace

Result<ReplaySummary> replay(std::istream& trace, Policy& policy, std::ostream& decisions) {
    Player player(policy, decisions);
    std::size_t number = 0;
    for (std::string text; std::getline(trace, text);) {
        ++number;
        if (text.empty())
            continue;
        if (const auto done = player.line(text, number); !done)
            return Error("line " + std::to_string(number) + ": " + done.error().message());
    }
    player.finish_moment();
    return player.summary();
}

std::string trace_line(const QueuedTask& task, Nanos now) {
    const nlohmann::ordered_json line{
        {"time", now.value},
        {"pid", task.pid.value},
        {"tgid", task.tgid.value},
        {"cpu", task.cpu.value},
        {"enqueued_at", task.enqueued_at.value},
        {"sum_exec", task.sum_exec.value},
        {"burst_exec", task.burst_exec.value},
        {"last_sleep", task.last_sleep.value},
        {"sleeps", task.sleeps},
        {"weight", task.weight},
        {"lag", task.lag.value},
        {"stretch", task.stretch},
        {"nr_cpus_allowed", task.nr_cpus_allowed},
        {"nr_waiting", task.nr_waiting},
        {"class", kClassNames.at(static_cast<std::size_t>(task.task_class))},
        {"wakeup", task.wakeup},
        {"restricted", task.restricted},
        {"batch", task.batch},
        {"called", task.called},
        {"seq", task.seq}};
    return line.dump();
}

std::string trace_line_of_exit(Pid pid, Nanos now) {
    return nlohmann::ordered_json{{"time", now.value}, {"exited", pid.value}}.dump();
}

TraceRecorder::TraceRecorder(Policy& policy, std::size_t room) : policy_(policy), room_(room) {
    lines_.reserve(room);
}

bool TraceRecorder::enqueue(const QueuedTask& task, Nanos now) {
    if (lines_.size() < room_)
        lines_.push_back({task, now});
    return policy_.enqueue(task, now);
}

void TraceRecorder::exited(Pid pid, Nanos now) {
    if (lines_.size() < room_) {
        QueuedTask task;
        task.pid = pid;
        lines_.push_back({task, now, true});
    }
    policy_.exited(pid, now);
}

void TraceRecorder::write(std::ostream& trace) const {
    for (const Line& line : lines_)
        trace << (line.exit ? trace_line_of_exit(line.task.pid, line.at)
                            : trace_line(line.task, line.at))
              << '\n';
}

} // namespace rustland::testing
