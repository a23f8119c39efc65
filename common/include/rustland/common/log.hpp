// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <fmt/core.h>
#include <string>

namespace rustland {

enum class LogLevel { Error, Warning, Info, Debug };

// Sets up the process's logger once, in main, before the first line: stderr, one line an event,
// with syslog priority prefixes ("<4>…") when stderr is the journal.
void setup_logging(const std::string& program, LogLevel level);
// From now on.
void set_log_level(LogLevel level);

// A line of the log, from any thread but the scheduling one; a text with line ends takes several.
// What cannot be shown safely becomes a '?' (clean_text.hpp). Below the level nothing is formatted.
namespace log {

void write(LogLevel level, fmt::string_view form, fmt::format_args values);
void flush();

template <typename... T> void error(fmt::format_string<T...> form, T&&... values) {
    write(LogLevel::Error, form, fmt::make_format_args(values...));
}
template <typename... T> void warn(fmt::format_string<T...> form, T&&... values) {
    write(LogLevel::Warning, form, fmt::make_format_args(values...));
}
template <typename... T> void info(fmt::format_string<T...> form, T&&... values) {
    write(LogLevel::Info, form, fmt::make_format_args(values...));
}
template <typename... T> void debug(fmt::format_string<T...> form, T&&... values) {
    write(LogLevel::Debug, form, fmt::make_format_args(values...));
}

} // namespace log

} // namespace rustland
