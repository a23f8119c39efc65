// SPDX-License-Identifier: GPL-2.0-only
// The supervisor's configuration as a validated value.
#pragma once

#include "rustland/common/log.hpp"
#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"
#include "supervisor/config/ini.hpp"
#include "supervisor/config/layers.hpp"
#include "supervisor/config/problem.hpp"
#include "supervisor/config/values.hpp"
#include "supervisor/match/rule.hpp"

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace rustland::supervisor {

// A scheduler to run: its program and its arguments.
struct SchedulerSpec {
    std::string path;
    std::vector<std::string> args;
    bool operator==(const SchedulerSpec&) const = default;

    [[nodiscard]] std::string command() const;
};

enum class DefaultAction { None, Start }; // without a workload: the kernel's scheduler, or ours
enum class RunnerKind { Auto, Systemd, Child };
enum class SleepAction { Stop, Keep };

// [supervisor]
struct Settings {
    LogLevel log_level = LogLevel::Info;
    SchedulerSpec scheduler{"/usr/sbin/rustland", {}};
    DefaultAction default_action = DefaultAction::None;
    RunnerKind runner = RunnerKind::Auto;
    SleepAction sleep_action = SleepAction::Stop;
    SessionCondition session = SessionCondition::Active;
    std::vector<std::string> companions; // of workloads that do not say otherwise
    Nanos linger = seconds(10);
    Nanos min_dwell = seconds(5);
    Rate switch_limit{10, seconds(60)};
    Nanos restart_initial = seconds(1);
    double restart_factor = 2.0;
    Nanos restart_max = seconds(60);
    double restart_jitter = 0.2; // of the delay, to either side
    Nanos healthy_time = seconds(300);
    Rate crash_limit{5, seconds(600)};
    Nanos scan_interval = seconds(30);
    Nanos start_timeout = seconds(15);
    Nanos stop_timeout = seconds(5);
    std::uint64_t event_buffer = 4U << 20U;
};

struct Config {
    Settings settings;
    std::vector<Rule> rules;
    std::vector<Rule> companions;
    std::vector<std::string> files; // what it was read from, in order

    [[nodiscard]] const Rule* find_rule(std::string_view name) const;
    // The companions that an enabled workload names.
    [[nodiscard]] std::vector<Rule> used_companions() const;
    // The scheduler that this rule asks for. A rule that names a program of its own starts from no
    // arguments; one that gives arguments alone keeps the default program.
    [[nodiscard]] SchedulerSpec spec_for(const Rule& rule) const;
    // True where this very program with these arguments is configured, for all or for a rule.
    [[nodiscard]] bool names(const SchedulerSpec& spec) const;
};

// The uid of a user's name, or nothing.
using UserLookup = std::function<std::optional<uid_t>(const std::string&)>;

// Whether a program is there to be run; an error says why not, and what to do. The daemon takes any
// name, because what is missing when it starts may be installed before it is needed.
using ProgramLookup = std::function<Status(const std::string&)>;
inline Status any_program(const std::string&) { return {}; }

struct BuiltConfig {
    Config config;
    Problems problems;                    // empty: the configuration may be used
    Problems notes;                       // no mistakes, and worth a word to whoever checks it
    std::vector<LayeredSection> sections; // what was given, and where
};

// Validates the files' raw content as a whole; a later file wins key by key, a key without a value
// there takes back what an earlier file gave, and "+=" adds to a list. Problems and notes are in
// the order of the files and their lines, and no problem follows from another.
BuiltConfig build_config(const std::vector<RawFile>& files, const UserLookup& lookup,
                         const ProgramLookup& has_program = any_program);

// True where the program is ours and so has the control socket that takes a workload's class.
bool has_control_socket(const std::string& scheduler_path);

// All keys of a section kind, for `check`, tests and the manual.
std::vector<std::string> supervisor_keys();
std::vector<std::string> workload_keys();
std::vector<std::string> companion_keys();

} // namespace rustland::supervisor
