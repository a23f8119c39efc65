// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/keys.hpp"

#include "supervisor/config/shapes.hpp"
#include "supervisor/match/process_info.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace rustland::supervisor {
namespace {

using Value = std::string_view;

// Stores a parsed value, or passes the error on.
template <typename T, typename U> Status store(T& target, Result<U> parsed) {
    if (!parsed)
        return parsed.error();
    target = *std::move(parsed);
    return {};
}

Status store_duration(Nanos& target, Value value, Nanos min) {
    const auto parsed = parse_duration(value);
    if (!parsed)
        return parsed.error();
    if (*parsed < min)
        return Error(fmt::format("\"{}\" is too short; at least {}", value, format_duration(min)));
    target = *parsed;
    return {};
}

template <typename T, std::size_t N>
Status store_choice(T& target, Value value, const std::array<std::pair<Value, T>, N>& choices) {
    std::string all;
    for (const auto& [name, choice] : choices) {
        if (name == value) {
            target = choice;
            return {};
        }
        all += all.empty() ? "" : ", ";
        all += name;
    }
    return Error(fmt::format("\"{}\" is not one of {}", value, all));
}

Result<std::string> program_path(Value value, const KeyContext& context) {
    if (!value.starts_with('/'))
        return Error(fmt::format("\"{}\" is not an absolute path", value));
    const std::string path(value);
    if (const std::size_t option = path.find(" -"); option != std::string::npos)
        return Error(fmt::format("\"{}\" is more than a path; write the rest as scheduler_args ={}",
                                 path, path.substr(option)));
    if (const Status there = context.has_program(path); !there)
        return there.error();
    return path;
}

Result<std::vector<std::string>> arguments(Value value) {
    auto words = split_arguments(value);
    if (!words)
        return words.error();
    if (const auto why = why_no_arguments(*words))
        return Error(*why);
    return words;
}

Status store_patterns(std::vector<Pattern>& target, Value value, Shape shape) {
    const auto items = parse_list_items(value);
    if (!items)
        return items.error();
    std::vector<Pattern> patterns;
    for (const ListItem& item : *items) {
        auto pattern = Pattern::compile(item.text);
        if (!pattern)
            return pattern.error();
        if (const auto why = why_never(shape, item))
            return Error(*why);
        patterns.push_back(*std::move(pattern));
    }
    target = std::move(patterns);
    return {};
}

// "yes", "no", or from how many percent on.
Status store_gpu(std::optional<int>& target, Value value) {
    if (const auto yes = parse_bool(value)) {
        target = *yes ? std::optional(kGpuPercent) : std::nullopt;
        return {};
    }
    const auto number = value.ends_with('%')
                            ? parse_integer(value.substr(0, value.size() - 1), 1, 100)
                            : Result<std::int64_t>(Error("no percentage"));
    if (!number)
        return Error(
            fmt::format("\"{}\" is neither yes nor no nor a share from 1% to 100%", value));
    target = static_cast<int>(*number);
    return {};
}

Status store_appids(std::vector<SteamMatch>& target, Value value) {
    const auto items = parse_list(value);
    if (!items)
        return items.error();
    std::vector<SteamMatch> appids;
    for (const std::string& item : *items) {
        if (item == "*") {
            appids.push_back({});
            continue;
        }
        const auto number = parse_integer(item, 1, 0xffffffffLL);
        if (!number)
            return Error(fmt::format("\"{}\" is neither a Steam AppID nor *", item));
        appids.push_back({static_cast<std::uint32_t>(*number)});
    }
    target = std::move(appids);
    return {};
}

Status store_users(std::vector<UserMatch>& target, Value value, const KeyContext& context) {
    const auto items = parse_list(value);
    if (!items)
        return items.error();
    std::vector<UserMatch> users;
    for (const std::string& item : *items) {
        if (const auto number = parse_integer(item, 0, 0xfffffffeLL); number) {
            users.push_back({static_cast<uid_t>(*number), item});
            continue;
        }
        const auto uid = context.lookup(item);
        if (!uid)
            return Error(fmt::format("there is no user \"{}\"", item));
        users.push_back({*uid, item});
    }
    target = std::move(users);
    return {};
}

Status store_profiles(std::vector<std::string>& target, Value value) {
    auto items = parse_list(value);
    if (!items)
        return items.error();
    for (const std::string& item : *items)
        if (item != "performance" && item != "balanced" && item != "power-saver" &&
            item != "custom")
            return Error(fmt::format(
                "\"{}\" is not one of performance, balanced, power-saver, custom", item));
    target = *std::move(items);
    return {};
}

// Names of sections, or "none" alone.
Status store_companions(std::vector<std::string>& target, Value value) {
    auto names = parse_list(value);
    if (!names)
        return names.error();
    if (std::find(names->begin(), names->end(), kNoCompanions) != names->end()) {
        if (names->size() > 1)
            return Error(fmt::format("\"{}\" stands alone", kNoCompanions));
        names->clear();
    }
    target = *std::move(names);
    return {};
}

constexpr std::array<std::pair<Value, LogLevel>, 4> kLogLevels{{{"error", LogLevel::Error},
                                                                {"warning", LogLevel::Warning},
                                                                {"info", LogLevel::Info},
                                                                {"debug", LogLevel::Debug}}};
constexpr std::array<std::pair<Value, DefaultAction>, 2> kDefaultActions{
    {{"none", DefaultAction::None}, {"start", DefaultAction::Start}}};
constexpr std::array<std::pair<Value, RunnerKind>, 3> kRunners{
    {{"auto", RunnerKind::Auto}, {"systemd", RunnerKind::Systemd}, {"child", RunnerKind::Child}}};
constexpr std::array<std::pair<Value, SleepAction>, 2> kSleepActions{
    {{"stop", SleepAction::Stop}, {"keep", SleepAction::Keep}}};
constexpr std::array<std::pair<Value, WorkloadClass>, 3> kClasses{
    {{"foreground", WorkloadClass::Foreground},
     {"normal", WorkloadClass::Normal},
     {"background", WorkloadClass::Background}}};
constexpr std::array<std::pair<Value, BatteryCondition>, 3> kBattery{
    {{"yes", BatteryCondition::Yes}, {"no", BatteryCondition::No}, {"any", BatteryCondition::Any}}};

constexpr std::array<std::pair<Value, SessionCondition>, 2> kSessions{
    {{"active", SessionCondition::Active}, {"any", SessionCondition::Any}}};

Status store_session(SessionCondition& target, Value value) {
    return store_choice(target, value, kSessions);
}

} // namespace

const KeyTable<Settings>& settings_table() {
    using S = Settings;
    using C = const KeyContext&;
    static const KeyTable<Settings> table{
        {"log_level", [](S& s, Value v, C) { return store_choice(s.log_level, v, kLogLevels); }},
        {"scheduler",
         [](S& s, Value v, C c) { return store(s.scheduler.path, program_path(v, c)); }},
        {"scheduler_args", [](S& s, Value v, C) { return store(s.scheduler.args, arguments(v)); },
         true, ' '},
        {"default_action",
         [](S& s, Value v, C) { return store_choice(s.default_action, v, kDefaultActions); }},
        {"runner", [](S& s, Value v, C) { return store_choice(s.runner, v, kRunners); }},
        {"sleep_action",
         [](S& s, Value v, C) { return store_choice(s.sleep_action, v, kSleepActions); }},
        {"session", [](S& s, Value v, C) { return store_session(s.session, v); }},
        {"companions", [](S& s, Value v, C) { return store_companions(s.companions, v); }, true},
        {"linger", [](S& s, Value v, C) { return store_duration(s.linger, v, {}); }},
        {"min_dwell", [](S& s, Value v, C) { return store_duration(s.min_dwell, v, {}); }},
        {"switch_limit", [](S& s, Value v, C) { return store(s.switch_limit, parse_rate(v)); }},
        {"restart_initial",
         [](S& s, Value v, C) { return store_duration(s.restart_initial, v, millis(10)); }},
        {"restart_factor",
         [](S& s, Value v, C) { return store(s.restart_factor, parse_number(v, 1, 100)); }},
        {"restart_max",
         [](S& s, Value v, C) { return store_duration(s.restart_max, v, millis(10)); }},
        {"restart_jitter",
         [](S& s, Value v, C) { return store(s.restart_jitter, parse_number(v, 0, 0.9)); }},
        {"healthy_time",
         [](S& s, Value v, C) { return store_duration(s.healthy_time, v, seconds(1)); }},
        {"crash_limit", [](S& s, Value v, C) { return store(s.crash_limit, parse_rate(v)); }},
        {"scan_interval",
         [](S& s, Value v, C) { return store_duration(s.scan_interval, v, seconds(1)); }},
        {"start_timeout",
         [](S& s, Value v, C) { return store_duration(s.start_timeout, v, millis(100)); }},
        {"stop_timeout",
         [](S& s, Value v, C) { return store_duration(s.stop_timeout, v, millis(100)); }},
        {"event_buffer", [](S& s, Value v, C) { return store(s.event_buffer, parse_size(v)); }},
    };
    return table;
}

const KeyTable<Rule>& workload_table() {
    using R = Rule;
    using C = const KeyContext&;
    static const KeyTable<Rule> table{
        {"enabled", [](R& r, Value v, C) { return store(r.enabled, parse_bool(v)); }},
        {"comm", [](R& r, Value v, C) { return store_patterns(r.keys.comm, v, Shape::Comm); },
         true},
        {"program",
         [](R& r, Value v, C) { return store_patterns(r.keys.program, v, Shape::Program); }, true},
        {"exe", [](R& r, Value v, C) { return store_patterns(r.keys.exe, v, Shape::Executable); },
         true},
        {"cmdline",
         [](R& r, Value v, C) { return store_patterns(r.keys.cmdline, v, Shape::Words); }, true},
        {"cgroup", [](R& r, Value v, C) { return store_patterns(r.keys.cgroup, v, Shape::Cgroup); },
         true},
        {"steam_appid", [](R& r, Value v, C) { return store_appids(r.keys.steam_appid, v); }, true},
        {"parent",
         [](R& r, Value v, C) { return store_patterns(r.keys.parent, v, Shape::Relative); }, true},
        {"ancestor",
         [](R& r, Value v, C) { return store_patterns(r.keys.ancestor, v, Shape::Relative); },
         true},
        {"user", [](R& r, Value v, C c) { return store_users(r.keys.user, v, c); }, true},
        {"gpu", [](R& r, Value v, C) { return store_gpu(r.keys.gpu_percent, v); }},
        {"deny", [](R& r, Value v, C) { return store(r.deny, parse_bool(v)); }},
        {"priority",
         [](R& r, Value v, C) {
             const auto number = parse_integer(v, -10000, 10000);
             if (!number)
                 return Status(number.error());
             r.priority = static_cast<int>(*number);
             return Status{};
         }},
        {"scheduler", [](R& r, Value v, C c) { return store(r.scheduler, program_path(v, c)); }},
        {"scheduler_args", [](R& r, Value v, C) { return store(r.scheduler_args, arguments(v)); },
         true, ' '},
        {"class", [](R& r, Value v, C) { return store_choice(r.workload_class, v, kClasses); }},
        {"linger",
         [](R& r, Value v, C) {
             Nanos linger;
             Status status = store_duration(linger, v, {});
             if (status)
                 r.linger = linger;
             return status;
         }},
        {"session",
         [](R& r, Value v, C) {
             return store_session(r.session.emplace(SessionCondition::Active), v);
         }},
        {"companions", [](R& r, Value v, C) { return store_companions(r.companions.emplace(), v); },
         true},
        {"on_battery", [](R& r, Value v, C) { return store_choice(r.on_battery, v, kBattery); }},
        {"power_profile", [](R& r, Value v, C) { return store_profiles(r.power_profiles, v); },
         true},
        {"follow_focus", [](R& r, Value v, C) { return store(r.follow_focus, parse_bool(v)); }},
    };
    return table;
}

const KeyTable<Rule>& companion_table() {
    static const KeyTable<Rule> table = [] {
        constexpr std::array<Value, 11> kept{"enabled",  "comm",   "program",     "exe",
                                             "cmdline",  "cgroup", "steam_appid", "parent",
                                             "ancestor", "user",   "session"};
        KeyTable<Rule> out;
        for (const auto& key : workload_table())
            if (std::find(kept.begin(), kept.end(), key.name) != kept.end())
                out.push_back(key);
        return out;
    }();
    return table;
}

} // namespace rustland::supervisor
