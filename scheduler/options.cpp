// SPDX-License-Identifier: GPL-2.0-only
#include "options.hpp"

#include "protocol.hpp"
#include "rustland/common/describe.hpp"
#include "rustland/common/usage.hpp"
#include "rustland/common/version.hpp"
#include "stats.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string_view>
#include <system_error>

namespace rustland {
namespace {

constexpr const char* kPolicyGroup = "Policy";
constexpr const char* kKernelGroup = "Kernel";
constexpr const char* kStatsGroup = "Statistics";
constexpr const char* kOtherGroup = "Other";

// The whole text as a number; nothing else before, in or after it.
template <typename Number> std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

Result<std::uint32_t> parse_whole(const std::string& text, std::uint32_t least,
                                  std::uint32_t most) {
    const auto value = parse_number<std::uint32_t>(text);
    if (!value || *value < least || *value > most)
        return Error(fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
    return *value;
}

Result<Nanos> parse_seconds(const std::string& text) {
    const auto value = parse_number<double>(text);
    // Written so that a NaN is refused, too.
    if (!value || !(*value >= kShortestInterval && *value <= kLongestInterval))
        return Error(fmt::format("'{}' is not a number of seconds from {} to {}", text,
                                 kShortestInterval, kLongestInterval));
    return Nanos{std::llround(*value * 1e9)};
}

template <typename T> Status store(Result<T> parsed, T& place) {
    if (!parsed)
        return parsed.error();
    place = *parsed;
    return {};
}

template <bool Options::*kPlace, bool kValue>
Status set_flag(Options& options, const std::string&) {
    options.*kPlace = kValue;
    return {};
}

Status store_micros(const std::string& text, std::uint32_t least, std::uint32_t most,
                    Nanos& place) {
    const auto parsed = parse_whole(text, least, most);
    if (!parsed)
        return parsed.error();
    place = micros(*parsed);
    return {};
}

Status set_policy(Options& options, const std::string& value) {
    for (const std::string& known : options.policies) {
        if (value == known) {
            options.policy = value;
            return {};
        }
    }
    return Error(
        fmt::format("'{}' is not a policy: choose {}", value, fmt::join(options.policies, " or ")));
}

Status set_lease(Options& options, const std::string& value) {
    const auto parsed = parse_whole(value, 1, 1000);
    if (!parsed)
        return parsed.error();
    options.lease = millis(*parsed);
    return {};
}

Status set_period(std::optional<Nanos>& place, const std::string& value) {
    const auto parsed = parse_seconds(value);
    if (!parsed)
        return parsed.error();
    place = *parsed;
    return {};
}

Status set_socket(Options& options, const std::string& value) {
    // What fits into a sockaddr_un, with the byte at the end.
    constexpr std::size_t kMost = 107;
    if (value.empty() || value.front() != '/' || value.size() > kMost)
        return Error(fmt::format("'{}' is not an absolute path of at most {} bytes", value, kMost));
    options.socket = value;
    options.socket_given = true;
    return {};
}

// Calls `take` with each part between commas.
template <typename Take> Status for_each_part(std::string_view list, Take take) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (auto done = take(std::string(list.substr(0, comma))); !done)
            return done;
        if (comma == std::string_view::npos)
            return {};
        list.remove_prefix(comma + 1);
    }
}

Status set_foreground_pids(Options& options, const std::string& value) {
    constexpr std::uint32_t kMost = 4194304; // PID_MAX_LIMIT of the kernel
    return for_each_part(value, [&](const std::string& part) -> Status {
        const auto pid = parse_whole(part, 1, kMost);
        if (!pid)
            return pid.error();
        options.foreground_pids.push_back(Pid{static_cast<std::int32_t>(*pid)});
        return {};
    });
}

Status set_foreground_cgroups(Options& options, const std::string& value) {
    return for_each_part(value, [&](const std::string& part) -> Status {
        if (part.empty() || part.front() != '/')
            return Error(fmt::format("'{}' is not the path of a cgroup, such as "
                                     "/user.slice/game.scope",
                                     part));
        options.foreground_cgroups.push_back(part);
        return {};
    });
}

// Conditions that no option can judge by itself.
Status check_together(const Options& options) {
    if (options.slice_min > options.slice_max)
        return Error(fmt::format("--slice-min-us: the shortest slice ({} us) is longer than the "
                                 "longest (--slice-us, {} us)",
                                 options.slice_min.value / 1000, options.slice_max.value / 1000));
    if (options.lease >= millis(options.timeout_ms))
        return Error(fmt::format("--timeout-ms: the watchdog ({} ms) must be longer than the lease "
                                 "(--lease-ms, {} ms)",
                                 options.timeout_ms, options.lease.value / 1'000'000));
    if (options.monitor && options.stats)
        return Error("--monitor: prints the statistics of another process; leave --stats out");
    return {};
}

Message usage_error(const Program& program, std::string_view what) {
    return {fmt::format("{0}: {1} (see {0} --help)\n", program.name, what), ExitCode::Usage};
}

bool is_rustland(const Program& program) { return program.name == "rustland"; }

bool has_option(const Program& program, const OptionRow& row) {
    return std::string_view(row.name) != "policy" || program.policies.size() > 1;
}

// Only our own policies can be told about in the table.
std::string help_of(const Program& program, const OptionRow& row) {
    if (std::string_view(row.name) != "policy" || is_rustland(program))
        return row.help;
    return fmt::format("The policy: {} (default {}).", fmt::join(program.policies, " or "),
                       program.policies.front());
}

std::string version_text(const Program& program) {
    if (is_rustland(program))
        return fmt::format("rustland {}\n", kVersion);
    return fmt::format("{} (librustland {})\n", program.name, kVersion);
}

void append_wrapped(std::string& out, std::string_view text, std::size_t indent,
                    std::size_t width) {
    std::size_t column = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view word = text.substr(at, end - at);
        if (column > 0 && column + 1 + word.size() > width) {
            out += '\n';
            column = 0;
        }
        if (column == 0)
            out.append(indent, ' ');
        else
            out += ' ';
        column += (column == 0 ? indent : 1) + word.size();
        out += word;
        at = end + 1;
    }
    out += '\n';
}

} // namespace

const std::vector<OptionRow>& option_table() {
    static const std::vector<OptionRow> table{
        {"policy", "NAME", kPolicyGroup,
         "Order of the waiting tasks: deadline (earliest deadline first, from CPU time used and "
         "from how soon a task gives the CPU up by itself; the default) or fifo (first come, "
         "first served).",
         set_policy},
        {"slice-us", "N", kPolicyGroup,
         "Longest time that a task runs before others get their turn, in microseconds, 100 to "
         "1000000 (default 20000). Divided by one more than the number of waiting tasks per "
         "CPU, at most by 4.",
         [](Options& o, const std::string& v) {
             return store_micros(v, 100, 1'000'000, o.slice_max);
         }},
        {"slice-min-us", "N", kPolicyGroup,
         "Shortest time that a task gets, in microseconds, 100 to 1000000 (default 1000).",
         [](Options& o, const std::string& v) {
             return store_micros(v, 100, 1'000'000, o.slice_min);
         }},
        {"lease-ms", "N", kPolicyGroup,
         "Longest time that a task waits for a decision of the policy, in milliseconds, 1 to 1000 "
         "(default 20). After that it runs without one; after 2 seconds without any decision "
         "rustland leaves, and the kernel's own scheduler takes over.",
         set_lease},
        {"foreground-pid", "PID,...", kPolicyGroup,
         "Processes whose frames are being watched, with all their threads and children: the "
         "deadline policy runs them before all others. The supervisor sets them by itself.",
         set_foreground_pids},
        {"foreground-cgroup", "PATH,...", kPolicyGroup,
         "The same for cgroups, by their path below the root of the hierarchy, with all that "
         "runs in them.",
         set_foreground_cgroups},
        {"others-share", "PERCENT", kPolicyGroup,
         "Share of the CPU time that foreground tasks leave to others that want it, 0 to 90 "
         "(default 10).",
         [](Options& o, const std::string& v) {
             return store(parse_whole(v, 0, 90), o.others_share);
         }},
        {"realtime", nullptr, kPolicyGroup,
         "Run the policy's thread as SCHED_FIFO. It then wakes on the CPU where it ran last "
         "instead of the one where it is needed: more predictable beside many real-time tasks, "
         "slower elsewhere.",
         set_flag<&Options::realtime, true>},
        {"no-realtime", nullptr, kPolicyGroup,
         "Run the policy's thread as a task of rustland itself that comes before all others. This "
         "is the default.",
         set_flag<&Options::realtime, false>},
        {"partial", nullptr, kKernelGroup,
         "Schedule only tasks that asked for it with SCHED_EXT; the kernel's own scheduler keeps "
         "the others.",
         set_flag<&Options::partial, true>},
        {"numa-local", nullptr, kKernelGroup,
         "Look for idle CPUs on the task's own NUMA node first.",
         set_flag<&Options::numa_local, true>},
        {"percpu-local", nullptr, kKernelGroup,
         "Send a task that may run on one CPU only to that CPU at once, without asking the policy.",
         set_flag<&Options::percpu_local, true>},
        {"no-cpufreq", nullptr, kKernelGroup,
         "Do not tell the frequency governor schedutil how fast each CPU should run: it then runs "
         "all of them at full speed. Other governors do not listen in any case.",
         set_flag<&Options::cpufreq, false>},
        {"timeout-ms", "N", kKernelGroup,
         "The kernel's watchdog: a task that waits longer for a CPU ejects the scheduler; in "
         "milliseconds, 100 to 30000, which is the most that the kernel allows (default 10000).",
         [](Options& o, const std::string& v) {
             return store(parse_whole(v, 100, 30000), o.timeout_ms);
         }},
        {"exit-dump-len", "BYTES", kKernelGroup,
         "Size of the kernel's debug dump after an error, 1024 to 1048576 (default 32768).",
         [](Options& o, const std::string& v) {
             return store(parse_whole(v, 1024, 1048576), o.exit_dump_len);
         }},
        {"stats", "SECONDS", kStatsGroup,
         "Print statistics this often while scheduling; 0.01 to 3600, fractions allowed.",
         [](Options& o, const std::string& v) { return set_period(o.stats, v); }},
        {"monitor", "SECONDS", kStatsGroup,
         "Do not schedule: print the statistics of the running rustland this often.",
         [](Options& o, const std::string& v) { return set_period(o.monitor, v); }},
        {"help-stats", nullptr, kStatsGroup, "Explain the statistics and exit.", nullptr},
        {"socket", "PATH", kStatsGroup,
         "Where the running rustland answers (default /run/rustland/scheduler.sock).", set_socket},
        {"verbose", nullptr, kOtherGroup,
         "Log more: what is done at start, and all that libbpf and the verifier say.",
         set_flag<&Options::verbose, true>},
        {"version", nullptr, kOtherGroup, "Print the version and exit.", nullptr},
        {"help", nullptr, kOtherGroup, "Print this text and exit.", nullptr},
    };
    return table;
}

std::string help_text(const Program& program) {
    std::string out = fmt::format("Usage: {} [OPTION]...{}{}\n", program.name,
                                  program.arguments.empty() ? "" : " ", program.arguments);
    if (!program.about.empty())
        out += program.about + "\n";
    const char* group = "";
    for (const OptionRow& row : option_table()) {
        if (!has_option(program, row))
            continue;
        if (std::string_view(group) != row.group) {
            group = row.group;
            out += fmt::format("\n{}:\n", group);
        }
        out += fmt::format("  --{}{}{}\n", row.name, row.argument ? " " : "",
                           row.argument ? row.argument : "");
        append_wrapped(out, help_of(program, row), 10, 88);
    }
    out += "\nExit status:\n";
    for (const ExitCodeRow& row : kExitCodes)
        out += fmt::format("  {:<4}{}\n", static_cast<int>(row.code), row.meaning);
    if (!is_rustland(program))
        return out;
    out += "\nExamples:\n"
           "  rustland                          schedule until Ctrl-C\n"
           "  rustland --stats 1                the same, with figures each second\n"
           "  rustland --policy fifo --partial  only SCHED_EXT tasks, first come, first served\n"
           "  rustland --monitor 1              figures of the one that runs\n";
    return out;
}

std::variant<Options, Message> parse_options(int argc, const char* const* argv,
                                             const Program& program) {
    CLI::App app("", program.name);
    app.set_help_flag();
    Options options;
    options.policies = program.policies;
    if (!program.policies.empty())
        options.policy = program.policies.front();
    std::optional<Message> wrong;
    bool help = false;
    bool help_stats = false;
    bool version = false;
    for (const OptionRow& row : option_table()) {
        if (!has_option(program, row))
            continue;
        const std::string name = std::string("--") + row.name;
        if (row.set == nullptr) {
            const std::string_view what = row.name;
            app.add_flag(name,
                         what == "help"      ? help
                         : what == "version" ? version
                                             : help_stats,
                         row.help);
            continue;
        }
        const auto apply = [&options, &wrong, &row, &program](const std::string& value) {
            const auto done = row.set(options, value);
            if (!done && !wrong)
                wrong =
                    usage_error(program, fmt::format("--{}: {}", row.name, done.error().message()));
        };
        if (row.argument != nullptr)
            app.add_option_function<std::string>(name, apply, row.help)->type_name(row.argument);
        else
            app.add_flag_callback(
                name, [apply] { apply({}); }, row.help);
    }
    if (!program.arguments.empty())
        app.add_option("arguments", options.arguments, "For the policy.");
    if (const auto text = description_asked_for(app, argc, argv))
        return Message{*text, ExitCode::Stopped};
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return usage_error(program, usage_mistake(app, error, argc, argv));
    }
    if (help)
        return Message{help_text(program), ExitCode::Stopped};
    if (version)
        return Message{version_text(program), ExitCode::Stopped};
    if (help_stats)
        return Message{help_stats_text(), ExitCode::Stopped};
    if (wrong)
        return *wrong;
    if (const auto together = check_together(options); !together)
        return usage_error(program, together.error().message());
    return options;
}

} // namespace rustland
