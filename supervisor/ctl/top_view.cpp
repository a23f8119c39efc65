// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/top_view.hpp"

#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/wait_view.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

constexpr double kNanosPerSecond = 1e9;
constexpr std::size_t kMany = 20; // processes
constexpr std::size_t kFew = 5;
constexpr std::size_t kTall = 39; // rows, of a terminal with 40

// What happened between two moments.
class Change {
  public:
    Change(const TopMoment& before, const TopMoment& now) : before_(before), now_(now) {}

    [[nodiscard]] double seconds() const {
        return static_cast<double>((now_.at - before_.at).value) / kNanosPerSecond;
    }
    [[nodiscard]] Value gauge(std::string_view name) const {
        return now_.scheduler ? now_.scheduler->value(name) : std::nullopt;
    }
    // Of the scheduler's time. Nothing between two runs of it.
    [[nodiscard]] std::optional<double> uptime_grown() const {
        if (!before_.scheduler || !now_.scheduler || before_.scheduler->pid != now_.scheduler->pid)
            return std::nullopt;
        const Value start = before_.scheduler->value("uptime");
        const Value end = now_.scheduler->value("uptime");
        return start && end && *end > *start ? Value(*end - *start) : std::nullopt;
    }
    // Per second.
    [[nodiscard]] Value rate(std::string_view name) const {
        const auto time = uptime_grown();
        if (!time)
            return std::nullopt;
        const Value from = before_.scheduler->value(name);
        const Value to = now_.scheduler->value(name);
        return from && to ? Value(std::max(0.0, (*to - *from) / *time)) : std::nullopt;
    }
    [[nodiscard]] std::optional<Waits> waits() const {
        if (!uptime_grown() || !before_.scheduler->waits || !now_.scheduler->waits)
            return std::nullopt;
        return waits_between(*before_.scheduler->waits, *now_.scheduler->waits);
    }
    // Share of the time that the CPU was busy.
    [[nodiscard]] std::optional<double> busy(int cpu) const {
        const auto from = before_.cpus.find(cpu);
        const auto to = now_.cpus.find(cpu);
        if (from == before_.cpus.end() || to == now_.cpus.end() ||
            to->second.all <= from->second.all || to->second.busy < from->second.busy)
            return std::nullopt;
        return std::min(1.0, static_cast<double>(to->second.busy - from->second.busy) /
                                 static_cast<double>(to->second.all - from->second.all));
    }
    struct ProcessRates {
        double cpus = 0;           // CPUs that it used
        double waiting = 0;        // threads that waited for a CPU, in the mean
        std::optional<Nanos> wait; // of one time
    };
    [[nodiscard]] std::optional<ProcessRates> of(const WatchedProcess& process) const {
        const auto from =
            std::find_if(before_.processes.begin(), before_.processes.end(),
                         [&](const WatchedProcess& p) { return p.pid == process.pid; });
        if (from == before_.processes.end() || seconds() <= 0)
            return std::nullopt;
        // A thread that has ended takes its times along.
        const auto growth = [](std::int64_t a, std::int64_t b) {
            return std::max<std::int64_t>(b - a, 0);
        };
        const std::int64_t waited = growth(from->times.waited.value, process.times.waited.value);
        const std::int64_t runs = growth(static_cast<std::int64_t>(from->times.runs),
                                         static_cast<std::int64_t>(process.times.runs));
        ProcessRates rates;
        rates.cpus = static_cast<double>(growth(from->times.ran.value, process.times.ran.value)) /
                     kNanosPerSecond / seconds();
        rates.waiting = static_cast<double>(waited) / kNanosPerSecond / seconds();
        if (runs > 0)
            rates.wait = Nanos{waited / runs};
        return rates;
    }

  private:
    const TopMoment& before_;
    const TopMoment& now_;
};

std::string text_of(const Value& value, int decimals = 0) {
    return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

std::string bar(double share, std::size_t width) {
    const auto full = static_cast<std::size_t>(
        std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
    return std::string(full, '|') + std::string(width - full, ' ');
}

std::vector<Line> cpu_lines(const TopMoment& now, const Change& change, std::size_t columns) {
    constexpr std::size_t kCell = 26; // "cpu12 [||||||||||||]  63 % "
    constexpr std::size_t kBar = 12;
    std::vector<Line> lines;
    const std::size_t in_line = std::max<std::size_t>(1, columns / kCell);
    std::size_t at = in_line;
    for (const auto& [cpu, ticks] : now.cpus) {
        if (at == in_line) {
            lines.emplace_back();
            at = 0;
        }
        ++at;
        const auto busy = change.busy(cpu);
        const Style style = !busy || *busy < 0.5 ? Style::Plain
                            : *busy < 0.9        ? Style::Good
                                                 : Style::Note;
        lines.back().push_back({fmt::format("cpu{:<3}[", cpu), Style::Dim});
        lines.back().push_back({bar(busy.value_or(0), kBar), style});
        lines.back().push_back(
            {fmt::format("]{:>4} % ", busy ? fmt::format("{:.0f}", *busy * 100) : "-"),
             Style::Dim});
    }
    return lines;
}

// How tasks came to run.
struct Kind {
    const char* field;
    const char* text;
    bool fault; // should not be
};
constexpr Kind kKinds[] = {
    {"idle", "found an idle CPU", false},
    {"decided", "decided by the policy", false},
    {"standing", "by a decision that stands", false},
    {"resumed", "went on with their slice", false},
    {"handed_on", "took a slice over", false},
    {"bypass_kthread", "bound kernel threads", false},
    {"fallback", "undecided for too long", true},
    {"congested", "undecided: too many at once", true},
    {"unasked", "undecided: policy silent", true},
};

std::vector<Line> kind_lines(const Change& change, std::size_t columns) {
    double most = 0;
    for (const Kind& kind : kKinds)
        most = std::max(most, change.rate(kind.field).value_or(0));
    constexpr std::size_t kText = 40;
    const std::size_t width = columns > kText + 10 ? std::min<std::size_t>(columns - kText, 40) : 0;
    std::vector<Line> lines;
    for (const Kind& kind : kKinds) {
        const Value rate = change.rate(kind.field);
        // What should not be is worth a line when it is.
        if (kind.fault && rate.value_or(0) <= 0)
            continue;
        const bool bad = kind.fault && rate.value_or(0) > 0;
        lines.push_back(
            {{fmt::format("{:<26}{:>10}/s  ", kind.text, text_of(rate)),
              bad ? Style::Bad : Style::Plain},
             {bar(most > 0 ? rate.value_or(0) / most : 0, width), bad ? Style::Bad : Style::Good}});
    }
    return lines;
}

void append(std::vector<Line>& to, std::vector<Line> more) {
    for (Line& line : more)
        to.push_back(std::move(line));
}

void heading(std::vector<Line>& lines, std::string text) {
    lines.emplace_back();
    lines.push_back({{std::move(text), Style::Title}});
}

// Why there is no scheduler, in as many lines as that takes: the end says what to do.
std::vector<Line> why_none(std::string_view why, std::size_t columns) {
    constexpr std::string_view said_already = "the scheduler is off: ";
    constexpr const char* label = "no scheduler: ";
    constexpr const char* indent = "    ";
    if (why.starts_with(said_already))
        why.remove_prefix(said_already.size());
    std::vector<Line> lines{{{label, Style::Note}, {""}}};
    std::size_t used = std::string_view(label).size();
    const std::string clean = safe(why);
    std::string_view rest = clean;
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        std::string& text = lines.back().back().text;
        if (!text.empty() && used + 1 + word.size() > columns) {
            lines.push_back({{indent}, {std::string(word)}});
            used = std::string_view(indent).size() + word.size();
            continue;
        }
        text += (text.empty() ? "" : " ") + std::string(word);
        used += word.size() + 1;
    }
    return lines;
}

// What runs, and what is wrong with it.
std::vector<Line> scheduler_lines(const TopMoment& now, const Change& change, std::size_t columns) {
    std::vector<Line> lines;
    if (!now.scheduler)
        return why_none(now.no_scheduler, columns);
    const auto up = static_cast<std::int64_t>(change.gauge("uptime").value_or(0) * 1000);
    const Value cpu = change.rate("thread_cpu");
    const Value resident = change.gauge("resident");
    lines.push_back({{"rustland " + safe(now.scheduler->version), Style::Title},
                     {fmt::format("  policy {}  pid {}  up {}  costs {} % of a CPU, {} MiB",
                                  safe(now.scheduler->policy), now.scheduler->pid, uptime(up),
                                  text_of(cpu ? Value(*cpu * 100) : cpu, 1),
                                  text_of(resident ? Value(*resident * 0x1p-20) : resident, 1))}});
    if (change.gauge("lease_active").value_or(0) > 0)
        lines.push_back({{"on the lease: tasks run without decisions, as none come", Style::Bad}});
    for (const auto& [field, text] :
         {std::pair{"errors", "unknown tasks"},
          std::pair{"page_faults", "page faults of the policy's thread"},
          std::pair{"allocations", "allocations of the policy's thread"},
          std::pair{"given_up", "decisions given up"}})
        if (const Value count = change.gauge(field); count.value_or(0) > 0)
            lines.push_back({{fmt::format("{:.0f} {}: should be 0", *count, text), Style::Bad}});
    return lines;
}

// What the scheduler is at, for those who want to know more.
std::vector<Line> inner_lines(const Change& change, std::size_t columns) {
    std::vector<Line> lines;
    heading(lines, "Scheduler");
    lines.push_back(
        {{fmt::format("waiting    {} runnable, {} for a decision, {} kept back by the policy",
                      text_of(change.gauge("runnable")), text_of(change.gauge("pending")),
                      text_of(change.gauge("policy_waiting")))}});
    lines.push_back(
        {{fmt::format("foreground {}/s, background {}/s of the tasks that are decided",
                      text_of(change.rate("foreground")), text_of(change.rate("background")))}});
    lines.push_back(
        {{fmt::format("CPUs       {}/s woken, {}/s interrupted; {}/s tasks taken over",
                      text_of(change.rate("kick_idle")), text_of(change.rate("kick_preempt")),
                      text_of(change.rate("stolen")))}});
    heading(lines, "How tasks came to run");
    append(lines, kind_lines(change, columns));
    return lines;
}

std::vector<Line> process_lines(const TopMoment& now, const Change& change, std::size_t most) {
    std::vector<Line> lines;
    heading(lines, fmt::format("{:<20}{:>8}  {:<10}{:>8}{:>7}{:>9}  {:>14}", "Games", "process",
                               "class", "threads", "CPUs", "waiting", "wait each time"));
    if (now.processes.empty() && now.others.empty())
        lines.push_back({{"no game runs", Style::Dim}});
    for (const std::string& other : now.others)
        lines.push_back({{other, Style::Dim}});
    for (const WatchedProcess& process : now.processes) {
        if (most-- == 0) {
            lines.push_back(
                {{fmt::format("and {} more",
                              now.processes.size() - (lines.size() - 2 - now.others.size())),
                  Style::Dim}});
            break;
        }
        const auto rates = change.of(process);
        const Style style = process.task_class == "foreground" ? Style::Good : Style::Plain;
        lines.push_back(
            {{fmt::format("{:<20.20}{:>8}  {:<10}{:>8}{:>7}{:>9}  {:>14}", safe(process.name),
                          process.pid, safe(process.task_class), process.threads,
                          rates ? fmt::format("{:.2f}", rates->cpus) : "-",
                          rates ? fmt::format("{:.2f}", rates->waiting) : "-",
                          wait_text(rates ? rates->wait : std::nullopt)),
              style}});
    }
    return lines;
}

// A line that is too long would be wrapped by a terminal.
void cut(Line& line, std::size_t columns) {
    std::size_t used = 0;
    for (Span& span : line) {
        std::size_t length = std::min(span.text.size(), columns - used);
        // Not in the middle of a character (UTF-8).
        while (length > 0 && length < span.text.size() &&
               (static_cast<unsigned char>(span.text[length]) & 0xC0U) == 0x80U)
            --length;
        span.text.resize(length);
        used += span.text.size();
    }
}

// What has room, and a word on what has not.
std::vector<Line> fitted(std::vector<Line> lines, TopSize size) {
    if (size.rows > 0 && lines.size() > size.rows) {
        const std::size_t left = lines.size() - size.rows + 1;
        lines.resize(size.rows - 1);
        lines.push_back(
            {{fmt::format("{} more lines: make the terminal taller", left), Style::Note}});
    }
    for (Line& line : lines)
        cut(line, size.columns);
    return lines;
}

} // namespace

std::vector<Line> top_lines(const TopMoment& before, const TopMoment& now, TopSize size) {
    const Change change(before, now);
    const bool tall = size.rows == 0 || size.rows >= kTall;
    std::vector<Line> lines = scheduler_lines(now, change, size.columns);
    // The game first: a small terminal ends somewhere below.
    append(lines, process_lines(now, change, tall ? kMany : kFew));
    if (now.scheduler) {
        lines.emplace_back();
        append(lines, wait_lines(change.waits(), change.uptime_grown().value_or(0), tall ? 3 : 1));
    }
    heading(lines, "CPUs");
    append(lines, cpu_lines(now, change, size.columns));
    heading(lines, "Supervisor");
    lines.push_back({{safe(now.supervisor)}});
    for (const std::string& event : now.events)
        lines.push_back({{safe(event), Style::Dim}});
    if (now.scheduler)
        append(lines, inner_lines(change, size.columns));
    return fitted(std::move(lines), size);
}

json top_json(const TopMoment& before, const TopMoment& now) {
    const Change change(before, now);
    json scheduler;
    if (now.scheduler) {
        json rates = json::object();
        for (const Field& field : stats_fields()) {
            const Value rate =
                field.kind == FieldKind::Counter ? change.rate(field.name) : std::nullopt;
            if (rate)
                rates[field.name] = *rate;
        }
        scheduler = {{"version", now.scheduler->version},
                     {"policy", now.scheduler->policy},
                     {"pid", now.scheduler->pid},
                     {"stats", to_json(now.scheduler->values)},
                     {"per_second", rates},
                     {"waits", wait_json(change.waits(), change.uptime_grown().value_or(0))}};
    }
    json cpus = json::array();
    for (const auto& [cpu, ticks] : now.cpus) {
        const auto busy = change.busy(cpu);
        cpus.push_back({{"cpu", cpu}, {"busy", busy ? json(*busy) : json()}});
    }
    json processes = json::array();
    for (const WatchedProcess& process : now.processes) {
        const auto rates = change.of(process);
        processes.push_back(
            {{"pid", process.pid},
             {"comm", process.comm},
             {"name", process.name},
             {"rule", process.rule},
             {"class", process.task_class},
             {"threads", process.threads},
             {"cpus", rates ? json(rates->cpus) : json()},
             {"waiting", rates ? json(rates->waiting) : json()},
             {"wait_us", rates && rates->wait ? json(static_cast<double>(rates->wait->value) / 1e3)
                                              : json()}});
    }
    return {{"scheduler", scheduler},
            {"cpus", cpus},
            {"workloads", processes},
            {"supervisor", now.supervisor},
            {"events", now.events}};
}

std::vector<Line> top_help(TopSize size) {
    return fitted(
        {{{"Keys", Style::Title}},
         {{"q        end"}},
         {{"space    stand still, and go on"}},
         {{"?        this help, and back"}},
         {},
         {{"Games", Style::Title}},
         {{"CPUs             how many it used"}},
         {{"waiting          how many of its threads waited for a CPU, in the mean"}},
         {{"wait each time   from runnable to running, in the mean of this interval"}},
         {},
         {{"Waits", Style::Title}},
         {{"of each class    from runnable to running, since the view before"}},
         {{"half, 99 %, all  how long so many of them waited at most"}},
         {{"bars             waits below 2 us, 4 us, 8 us and so on; the highest is full"}},
         {},
         {{"How tasks came to run: see rustland --help-stats."}}},
        size);
}

} // namespace rustland::supervisor
