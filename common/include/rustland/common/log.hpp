// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>

namespace rustland {

enum class LogLevel { Error, Warning, Info, Debug };

// Sets up the process's logger once, in main, before the first line: stderr, one line an event,
// with syslog priority prefixes ("<4>…") when stderr is the journal.
void setup_logging(const std::string& program, LogLevel level);
// From now on.
void set_log_level(LogLevel level);

} // namespace rustland
