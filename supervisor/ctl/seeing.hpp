// SPDX-License-Identifier: GPL-2.0-only
// The subcommands of rustlandctl that show what the scheduler does.
#pragma once

#include "supervisor/ctl/commands.hpp"
#include "supervisor/ctl/scheduler_feed.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rustland::supervisor {

struct MetricsOptions {
    std::string scheduler_socket = kSchedulerSocket;
    std::string output; // empty: standard output
    std::string format; // empty: openmetrics on standard output, prometheus in a file
};

// Done even where nothing answers: that is a figure, too.
int print_metrics(const CtlOptions& options, const MetricsOptions& metrics);

struct TopOptions {
    std::string scheduler_socket = kSchedulerSocket;
    double interval = 1; // seconds
    bool once = false;
};

// A live view on a terminal; plain text elsewhere.
int top(const CtlOptions& options, const TopOptions& top);

struct TraceOptions {
    std::string scheduler_socket = kSchedulerSocket;
    std::string output = "rustland.trace";
    std::string read;                // a trace to summarise instead of recording one
    double seconds = 0;              // 0: until the command ends, or ten without one
    std::uint64_t buffer_kib = 8192; // for each CPU
    std::vector<std::string> command;
};

int trace(const CtlOptions& options, const TraceOptions& trace);

} // namespace rustland::supervisor
