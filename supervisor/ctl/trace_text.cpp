// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/trace_text.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <system_error>

namespace rustland::supervisor {
namespace {

// "            bash-183     [000]     3.771355: sched_switch: …": names have at most 15 characters
// and are written into 16 columns, so a "-" in them is not taken for the one behind. Another
// recorder may have left the kernel's column of flags ("d..2.") before the time, and with its
// option record-tgid the kernel writes the thread group, "(   183)" or "(-----)", before the CPU.
constexpr std::size_t kNameColumns = 16;
constexpr std::size_t kMicrosDigits = 6;

// Takes an entry apart from the left.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    bool skip(std::string_view expected) {
        if (!rest_.starts_with(expected))
            return false;
        rest_.remove_prefix(expected.size());
        return true;
    }
    bool skip_blanks() {
        const std::size_t end = std::min(rest_.find_first_not_of(' '), rest_.size());
        rest_.remove_prefix(end);
        return end > 0;
    }
    bool skip_word() {
        const std::size_t end = std::min(rest_.find(' '), rest_.size());
        rest_.remove_prefix(end);
        return end > 0;
    }
    [[nodiscard]] bool at_digit() const {
        return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
    }
    // A number and how many digits it has.
    template <typename T> std::size_t number(T& value) {
        const auto parsed = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (parsed.ec != std::errc{})
            return 0;
        const auto digits = static_cast<std::size_t>(parsed.ptr - rest_.data());
        rest_.remove_prefix(digits);
        return digits;
    }
    std::string_view until(char end) {
        const std::size_t length = rest_.find(end);
        if (length == std::string_view::npos)
            return {};
        const std::string_view text = rest_.substr(0, length);
        rest_.remove_prefix(length + 1);
        return text;
    }
    [[nodiscard]] std::string_view rest() const { return rest_; }

  private:
    std::string_view rest_;
};

// Takes "key=value" off the end: names of tasks may hold anything, so what follows them is read
// from the right.
std::optional<std::string_view> take_last(std::string_view& text, std::string_view key) {
    const std::size_t at = text.rfind(key);
    if (at == std::string_view::npos)
        return std::nullopt;
    const std::string_view value = text.substr(at + key.size());
    text = text.substr(0, at);
    return value;
}

template <typename T> std::optional<T> take_number(std::string_view& text, std::string_view key) {
    const auto value = take_last(text, key);
    T number{};
    if (!value)
        return std::nullopt;
    const auto parsed = std::from_chars(value->data(), value->data() + value->size(), number);
    return parsed.ec == std::errc{} && parsed.ptr == value->data() + value->size()
               ? std::optional(number)
               : std::nullopt;
}

std::optional<SwitchEvent> parse_switch(std::string_view text) {
    SwitchEvent event;
    const auto next_prio = take_number<int>(text, " next_prio=");
    const auto next_pid = take_number<std::int32_t>(text, " next_pid=");
    const auto next_comm = take_last(text, " ==> next_comm=");
    const auto state = take_last(text, " prev_state=");
    const auto prev_prio = take_number<int>(text, " prev_prio=");
    const auto prev_pid = take_number<std::int32_t>(text, " prev_pid=");
    if (!next_prio || !next_pid || !next_comm || !state || state->empty() || !prev_prio ||
        !prev_pid || !text.starts_with("prev_comm="))
        return std::nullopt;
    event.prev_comm = text.substr(std::string_view("prev_comm=").size());
    event.prev_pid = *prev_pid;
    event.prev_runnable = state->starts_with('R');
    event.next_comm = *next_comm;
    event.next_pid = *next_pid;
    return event;
}

std::optional<WakingEvent> parse_waking(std::string_view text) {
    WakingEvent event;
    const auto cpu = take_number<int>(text, " target_cpu=");
    const auto prio = take_number<int>(text, " prio=");
    const auto pid = take_number<std::int32_t>(text, " pid=");
    if (!cpu || !prio || !pid || !text.starts_with("comm="))
        return std::nullopt;
    event.comm = text.substr(std::string_view("comm=").size());
    event.pid = *pid;
    return event;
}

// The first of the flags is a letter or a dot.
bool skip_flags(Cursor& cursor) {
    return cursor.at_digit() || (cursor.skip_word() && cursor.skip_blanks());
}

bool skip_group(Cursor& cursor) {
    if (!cursor.skip("("))
        return true;
    cursor.skip_blanks();
    std::int32_t group = 0;
    const bool told = cursor.number(group) > 0 || cursor.skip("-------") || cursor.skip("-----");
    return told && cursor.skip(")") && cursor.skip_blanks();
}

std::optional<TraceEvent> parse_entry(std::string_view line) {
    if (line.size() <= kNameColumns)
        return std::nullopt;
    Cursor cursor(line.substr(kNameColumns));
    TraceEvent event;
    std::int32_t pid = 0;
    std::int64_t seconds_part = 0;
    std::int64_t micros_part = 0;
    if (!cursor.skip("-") || cursor.number(pid) == 0 || !cursor.skip_blanks() ||
        !skip_group(cursor) || !cursor.skip("[") || cursor.number(event.cpu) == 0 ||
        !cursor.skip("]") || !cursor.skip_blanks() || !skip_flags(cursor) ||
        cursor.number(seconds_part) == 0 || !cursor.skip(".") ||
        cursor.number(micros_part) != kMicrosDigits || !cursor.skip(": "))
        return std::nullopt;
    event.at = seconds(seconds_part) + micros(micros_part);
    const std::string_view name = cursor.until(':');
    cursor.skip_blanks();
    if (name.empty() || name.find(' ') != std::string_view::npos)
        return std::nullopt;
    if (name == "sched_switch") {
        const auto found = parse_switch(cursor.rest());
        if (!found)
            return std::nullopt;
        event.what = *found;
    } else if (name == "sched_waking") {
        const auto found = parse_waking(cursor.rest());
        if (!found)
            return std::nullopt;
        event.what = *found;
    } else {
        event.what = OtherEvent{std::string(name)};
    }
    return event;
}

// "CPU:3 [LOST 1234 EVENTS]"
std::optional<std::uint64_t> parse_lost(std::string_view line) {
    Cursor cursor(line);
    int cpu = 0;
    std::uint64_t lost = 0;
    if (!cursor.skip("CPU:") || cursor.number(cpu) == 0 || !cursor.skip(" [LOST ") ||
        cursor.number(lost) == 0 || cursor.rest() != " EVENTS]")
        return std::nullopt;
    return lost;
}

} // namespace

Result<Trace> parse_trace(std::string_view text, const std::string& name) {
    Trace trace;
    if (!text.starts_with("# tracer: nop\n"))
        return Error(name + ":1: not a trace of the kernel: it begins with '# tracer: nop'");
    if (!text.ends_with('\n'))
        return Error(name + ": the last line has no end: the file was cut off");
    std::size_t number = 0;
    Nanos last;
    while (!text.empty()) {
        const std::size_t length = text.find('\n');
        const std::string_view line = text.substr(0, length);
        text.remove_prefix(length + 1);
        ++number;
        if (line.starts_with('#') || line.empty())
            continue;
        if (const auto lost = parse_lost(line)) {
            trace.lost += *lost;
            continue;
        }
        auto event = parse_entry(line);
        if (!event)
            return Error(fmt::format("{}:{}: not understood: '{}'", name, number, line));
        if (event->at < last)
            return Error(fmt::format("{}:{}: goes back in time", name, number));
        last = event->at;
        trace.events.push_back(*std::move(event));
    }
    return trace;
}

} // namespace rustland::supervisor
