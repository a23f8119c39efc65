// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/status_view.hpp"

#include "supervisor/config/config.hpp"
#include "supervisor/core/who_runs.hpp"
#include "supervisor/ctl/print.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <utility>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

std::string line(std::string_view name, const std::string& text) {
    return fmt::format("{:<12}{}", name.empty() ? "" : fmt::format("{}:", name), text);
}

std::string runs_by(const json& status) { return field_text(field_part(status, "runs"), "by"); }

bool always_on(const json& status) { return runs_by(status) == kAlwaysOnUnit; }

std::string scheduler_line(const json& status) {
    const std::string state = state_words(status);
    const bool on = state.starts_with("on");
    std::string text = coloured(state, on ? Colour::Good : Colour::Note);
    if (!field_text(status, "scheduler").empty())
        text += "  " + scheduler_command(status);
    if (const std::int64_t ms = field_number(status, "uptime_ms"); ms > 0)
        text += fmt::format("  for {}", uptime(ms));
    return line("scheduler", text);
}

std::string kernel_line(const json& kernel) {
    if (kernel.value("supported", json(false)) != true)
        return line("kernel", coloured("no sched_ext", Colour::Bad));
    const std::string ops = field_text(kernel, "ops");
    return line("kernel", field_text(kernel, "state") + (ops.empty() ? "" : " (" + ops + ")"));
}

// How an end is called where a person reads it.
std::string how_it_ended(const std::string& kind) {
    if (kind == "requested")
        return "ended as asked";
    if (kind == "stopped-from-outside")
        return "ended from outside";
    if (kind == "asked-for-restart")
        return "ended to be started anew";
    return kind == "misconfigured" ? "did not start" : kind;
}

std::vector<std::string> refused_lines(const json& refused, std::int64_t now_ms) {
    const std::string all = refused.value("text", std::string());
    const auto more = std::count(all.begin(), all.end(), '\n');
    return {
        line("config", coloured(fmt::format("refused {}, the one before it stays: {}{}",
                                            ago(field_number(refused, "time_ms"), now_ms),
                                            safe(all.substr(0, all.find('\n'))),
                                            more == 0 ? "" : fmt::format(" (and {} more)", more)),
                                Colour::Bad)),
        line("", coloured("correct it (rustlandctl check), then: sudo rustlandctl reload",
                          Colour::Note))};
}

} // namespace

std::int64_t field_number(const json& value, const char* key) {
    const auto it = value.find(key);
    return it != value.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

json field_part(const json& value, const char* key) { return value.value(key, json::object()); }

std::string scheduler_command(const json& status) {
    SchedulerSpec spec;
    spec.path = field_text(status, "scheduler");
    if (const json arguments = status.value("arguments", json()); arguments.is_array())
        for (const json& argument : arguments)
            spec.args.push_back(argument.is_string() ? argument.get<std::string>() : "");
    return safe(spec.command());
}

std::string field_text(const json& value, const char* key) {
    const auto it = value.find(key);
    if (it == value.end() || it->is_null())
        return "";
    return safe(it->is_string() ? it->get<std::string>() : it->dump());
}

std::string ago(std::int64_t then_ms, std::int64_t now_ms) {
    return now_ms - then_ms < 1000 ? "just now" : uptime(now_ms - then_ms) + " ago";
}

std::string state_words(const json& status) {
    return always_on(status) ? fmt::format("on, always ({})", kAlwaysOnUnit)
                             : field_text(status, "state");
}

std::string why_off(const json& status) {
    if (field_text(status, "state") != "off" || always_on(status))
        return "";
    const std::string advice = field_text(field_part(status, "runs"), "advice");
    return fmt::format("the scheduler is off: {}{}", field_text(status, "why"),
                       advice.empty() ? "" : "; " + advice);
}

std::pair<std::string, std::string> reason_and_advice(const std::string& reason) {
    constexpr std::array<std::string_view, 3> advices{"; correct ", "; mend ", "; chmod "};
    std::size_t at = std::string::npos;
    for (const std::string_view advice : advices)
        at = std::min(at, reason.find(advice));
    if (at == std::string::npos)
        return {reason, ""};
    return {reason.substr(0, at), reason.substr(at + 2)};
}

std::string last_run(const json& status, std::int64_t now_ms) {
    const json exit = status.value("last_exit", json());
    if (!exit.is_object())
        return "";
    const std::string kind = field_text(exit, "kind");
    const bool asked_for = kind == "requested" || kind == "asked-for-restart";
    if (asked_for && field_text(status, "state") != "off")
        return "";
    const std::string when = ago(field_number(exit, "time_ms"), now_ms);
    std::string reason = field_text(exit, "reason");
    // What was to be done about it has been done, where one is on.
    if (field_text(status, "state") != "off")
        reason = reason_and_advice(reason).first;
    if (kind == "requested" || reason.empty())
        return fmt::format("{} {}", how_it_ended(kind), when);
    return fmt::format("{} {}: {}", how_it_ended(kind), when, reason);
}

std::vector<std::string> scheduler_lines(const json& status, std::int64_t now_ms) {
    std::vector<std::string> lines{scheduler_line(status)};
    const json runs = field_part(status, "runs");
    lines.push_back(line("because", field_text(always_on(status) ? runs : status,
                                               always_on(status) ? "text" : "why")));
    if (const json stopped = status.value("stopped", json()); stopped.is_object())
        lines.push_back(
            line("stopped", fmt::format("by {}, {}",
                                        user_name(static_cast<uid_t>(field_number(stopped, "uid"))),
                                        ago(field_number(stopped, "since_ms"), now_ms))));
    lines.push_back(kernel_line(field_part(status, "kernel")));
    // Who is meant is said above.
    if (const std::string advice = field_text(runs, "advice"); !advice.empty())
        lines.push_back(line("", coloured(advice, Colour::Note)));
    return lines;
}

std::vector<std::string> trouble_lines(const json& status, std::int64_t now_ms) {
    std::vector<std::string> lines;
    const std::string why = field_text(status, "why");
    for (const json& entry : status.value("quarantined", json::array())) {
        const std::string reason = field_text(entry, "reason");
        const bool said = why.find(reason) != std::string::npos;
        lines.push_back(line(
            "quarantine",
            fmt::format("{}, {}{}", coloured(field_text(entry, "scheduler"), Colour::Bad),
                        ago(field_number(entry, "since_ms"), now_ms), said ? "" : ": " + reason)));
    }
    // A quarantine has said it.
    if (const std::string last = last_run(status, now_ms); !last.empty() && lines.empty())
        lines.push_back(line("last run", last));
    if (const json refused = status.value("refused_configuration", json()); refused.is_object())
        for (std::string& told : refused_lines(refused, now_ms))
            lines.push_back(std::move(told));
    // A quarantine has said it as well.
    if (const std::string problem = field_text(status, "scheduler_problem");
        !problem.empty() && status.value("quarantined", json::array()).empty())
        lines.push_back(
            line("config", coloured(problem + ", then sudo rustlandctl reload", Colour::Bad)));
    for (const char* what : {"classes", "bus"})
        if (const std::string problem = field_text(field_part(status, what), "problem");
            !problem.empty())
            lines.push_back(line(what, coloured(what == std::string_view("classes")
                                                    ? fmt::format("{}; {}", problem, kMendClasses)
                                                    : problem,
                                                Colour::Bad)));
    const std::string waits = field_text(status, "could_not_start");
    if (!waits.empty() && why.find(waits) == std::string::npos)
        lines.push_back(line("start", coloured(waits, Colour::Bad)));
    if (const std::string note = field_text(status, "runner_note"); !note.empty())
        lines.push_back(line("runner", coloured(note, Colour::Note)));
    // The usual source is no news.
    const std::string source = field_text(field_part(status, "detection"), "source");
    if (!source.starts_with("process events"))
        lines.push_back(line("detection", coloured(source, Colour::Note)));
    return lines;
}

std::vector<std::string> list_notes(const json& listed) {
    if (listed.empty())
        return {"no game runs (is yours no game yet? rustlandctl explain NAME says why)"};
    std::vector<std::string> notes;
    for (const json& entry : listed)
        if (std::string waits = field_text(entry, "waits");
            !waits.empty() && std::find(notes.begin(), notes.end(), waits) == notes.end())
            notes.push_back(std::move(waits));
    return notes;
}

} // namespace rustland::supervisor
