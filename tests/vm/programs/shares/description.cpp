// SPDX-License-Identifier: GPL-2.0-only
#include "shares/description.hpp"

#include "shares/words.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace rustland::shares {
namespace {

struct KindRow {
    TaskKind kind;
    std::string_view name;
};
constexpr KindRow kKinds[] = {
    {TaskKind::hog, "hog"},     {TaskKind::sleeper, "sleeper"}, {TaskKind::napper, "napper"},
    {TaskKind::storm, "storm"}, {TaskKind::pair, "pair"},
};

std::string_view name_of(TaskKind kind) {
    return std::find_if(std::begin(kKinds), std::end(kKinds),
                        [kind](const KindRow& row) { return row.kind == kind; })
        ->name;
}

const Group* find_group(const Configuration& configuration, std::string_view path) {
    const auto found = std::find_if(configuration.groups.begin(), configuration.groups.end(),
                                    [path](const Group& group) { return group.path == path; });
    return found == configuration.groups.end() ? nullptr : &*found;
}

bool has_children(const Configuration& configuration, const std::string& path) {
    return std::any_of(configuration.groups.begin(), configuration.groups.end(),
                       [&](const Group& group) { return parent_of(group.path) == path; });
}

Status check_new_group(const Configuration& configuration, const Group& group) {
    if (!is_path(group.path))
        return Error(fmt::format("'{}' is no path of letters, digits, '-' and '_'", group.path));
    if (find_group(configuration, group.path) != nullptr)
        return Error(fmt::format("there is a group '{}' already", group.path));
    const std::string parent = parent_of(group.path);
    if (parent.empty())
        return group.kind == GroupKind::scope
                   ? Status(Error("a scope must lie in a cgroup, as in app/one"))
                   : Status();
    if (group.kind == GroupKind::session)
        return Error("a session cannot lie in another group");
    const Group* above = find_group(configuration, parent);
    if (above == nullptr || above->kind != GroupKind::cgroup)
        return Error(fmt::format("'{}' must lie in a cgroup that is described before", group.path));
    for (const Group& other : configuration.groups)
        if (parent_of(other.path) == parent && other.kind != group.kind)
            return Error(fmt::format("'{}' cannot have cgroups and scopes side by side", parent));
    return {};
}

Result<Group> parse_group(GroupKind kind, Words& words) {
    Group group{.path = words.next(), .kind = kind, .weight = {}, .nice = {}, .max = {}};
    Bandwidth limit;
    for (auto& [key, value] : words.rest()) {
        Status status = Error(fmt::format("'{}' is unknown here", key));
        if (key == "nice" && kind != GroupKind::scope)
            status = read_number(value, -20, 19, group.nice.emplace());
        else if (key == "weight" && kind == GroupKind::cgroup)
            status = read_number(value, 1, 10000, group.weight.emplace());
        else if (key == "idle" && value.empty() && kind == GroupKind::cgroup)
            status = (group.idle = true, Status());
        else if (key == "max" && value.ends_with('%') && kind == GroupKind::cgroup)
            status = read_number(value.substr(0, value.size() - 1), 1, 100000,
                                 group.max.emplace().percent);
        else if (key == "period" && kind == GroupKind::cgroup)
            status = read_time(value, limit.period);
        else if (key == "burst" && kind == GroupKind::cgroup)
            status = read_time(value, limit.burst);
        if (!status)
            return status.error().with(key);
    }
    if (group.max) {
        group.max->period = limit.period;
        group.max->burst = limit.burst;
    } else if (limit != Bandwidth{}) {
        return Error("period and burst belong to a max=PERCENT%");
    }
    return group;
}

// A key that only some kinds take, and that these must have.
Status read_kind_time(TaskLine& line, const std::string& key, const std::string& value) {
    const auto kind = line.kind;
    if (key == "work" && kind != TaskKind::hog)
        return read_time(value, line.work);
    if (key == "every" && kind == TaskKind::sleeper)
        return read_time(value, line.every);
    if (key == "nap" && kind == TaskKind::napper)
        return read_time(value, line.nap);
    if (key == "alive" && kind == TaskKind::storm)
        return read_number(value, 1, 100, line.alive);
    return Error(fmt::format("'{}' is unknown for a {}", key, name_of(kind)));
}

Status read_task_key(TaskLine& line, const std::string& key, const std::string& value) {
    if (key == "count")
        return read_number(value, 1, 1000, line.count);
    if (key == "nice")
        return read_number(value, -20, 19, line.nice);
    if (key == "cpus")
        return read_cpus(value, line.cpus);
    if (key == "moves") {
        line.moves = value;
        return {};
    }
    if (key == "foreground" && value.empty()) {
        line.foreground = true;
        return {};
    }
    if (key == "policy") {
        if (value != "batch" && value != "idle")
            return Error(fmt::format("'{}' is not batch or idle", value));
        line.policy = value == "batch" ? TaskPolicy::batch : TaskPolicy::idle;
        return {};
    }
    return read_kind_time(line, key, value);
}

Status check_task(const TaskLine& line) {
    const auto kind = line.kind;
    if (kind != TaskKind::hog && line.work <= Nanos{})
        return Error(fmt::format("a {} needs work=TIME", name_of(kind)));
    if (kind == TaskKind::sleeper && line.every <= Nanos{})
        return Error("a sleeper needs every=TIME");
    if (kind == TaskKind::napper && line.nap <= Nanos{})
        return Error("a napper needs nap=TIME");
    if (!line.moves.empty() && kind != TaskKind::hog)
        return Error("only a hog can move between groups");
    return {};
}

Result<TaskLine> parse_task(Words& words) {
    TaskLine line;
    line.group = words.next();
    const std::string kind = words.next();
    const auto* row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&kind](const KindRow& one) { return one.name == kind; });
    if (row == std::end(kKinds))
        return Error(fmt::format("'{}' is no kind of task", kind));
    line.kind = row->kind;
    for (auto& [key, value] : words.rest())
        if (auto status = read_task_key(line, key, value); !status)
            return status.error().with(key);
    if (auto status = check_task(line); !status)
        return status.error();
    return line;
}

// What only shows when the whole configuration is known.
Status check_whole(const Configuration& configuration) {
    if (configuration.tasks.empty())
        return Error("it has no task");
    for (const TaskLine& line : configuration.tasks) {
        for (const std::string& path : {line.group, line.moves}) {
            if (path.empty())
                continue;
            if (find_group(configuration, path) == nullptr)
                return Error(fmt::format("a task's group '{}' is not described", path));
            if (has_children(configuration, path))
                return Error(fmt::format("'{}' has groups in it: it can have no task", path));
        }
        if (!line.moves.empty())
            for (const std::string& path : {line.group, line.moves})
                if (find_group(configuration, path)->kind == GroupKind::session)
                    return Error("a task moves between control groups, not sessions");
    }
    return {};
}

Status parse_line(std::vector<Configuration>& all, std::string_view text) {
    Words words(text);
    const std::string first = words.next();
    if (first == "config") {
        if (!all.empty())
            if (auto status = check_whole(all.back()); !status)
                return status.error().with(all.back().name);
        Configuration made{
            .name = words.next(), .about = words.remainder(), .groups = {}, .tasks = {}};
        if (!is_path(made.name) || made.name.find('/') != std::string::npos)
            return Error(fmt::format("'{}' is no name of letters, digits, '-' and '_'", made.name));
        for (const auto& other : all)
            if (other.name == made.name)
                return Error(fmt::format("there is a configuration '{}' already", made.name));
        all.push_back(std::move(made));
        return {};
    }
    if (all.empty())
        return Error("a line 'config NAME ABOUT…' must come first");
    Configuration& here = all.back();
    if (first == "task") {
        auto line = parse_task(words);
        if (!line)
            return line.error();
        here.tasks.push_back(*std::move(line));
        return {};
    }
    static const std::map<std::string_view, GroupKind> kinds = {{"session", GroupKind::session},
                                                                {"cgroup", GroupKind::cgroup},
                                                                {"scope", GroupKind::scope}};
    const auto kind = kinds.find(first);
    if (kind == kinds.end())
        return Error(fmt::format("'{}' is not config, session, cgroup, scope or task", first));
    auto group = parse_group(kind->second, words);
    if (!group)
        return group.error();
    if (auto status = check_new_group(here, *group); !status)
        return status;
    here.groups.push_back(*std::move(group));
    return {};
}

// What a task's line says besides its group and count.
std::string task_keys(const TaskLine& line) {
    std::string text;
    const auto time = [&text](const char* key, Nanos value) {
        if (value > Nanos{})
            text += fmt::format(" {}={}", key, time_text(value));
    };
    time("work", line.work);
    time("every", line.every);
    time("nap", line.nap);
    if (line.kind == TaskKind::storm && line.alive != 1)
        text += fmt::format(" alive={}", line.alive);
    if (line.nice != 0)
        text += fmt::format(" nice={}", line.nice);
    if (line.policy != TaskPolicy::normal)
        text += line.policy == TaskPolicy::batch ? " policy=batch" : " policy=idle";
    if (!line.cpus.empty())
        text += fmt::format(" cpus={}", fmt::join(line.cpus, ","));
    if (!line.moves.empty())
        text += " moves=" + line.moves;
    if (line.foreground)
        text += " foreground";
    return text;
}

std::string group_text(const Group& group) {
    static const std::map<GroupKind, std::string_view> names = {{GroupKind::session, "session"},
                                                                {GroupKind::cgroup, "cgroup"},
                                                                {GroupKind::scope, "scope"}};
    std::string text = fmt::format("{} {}", names.at(group.kind), group.path);
    if (group.weight)
        text += fmt::format(" weight={}", *group.weight);
    if (group.nice)
        text += fmt::format(" nice={}", *group.nice);
    if (group.idle)
        text += " idle";
    if (group.max) {
        text += fmt::format(" max={}%", group.max->percent);
        if (group.max->period != Bandwidth{}.period)
            text += " period=" + time_text(group.max->period);
        if (group.max->burst > Nanos{})
            text += " burst=" + time_text(group.max->burst);
    }
    return text;
}

} // namespace

bool within(std::string_view inner, std::string_view outer) {
    return inner.starts_with(outer) && (inner.size() == outer.size() || inner[outer.size()] == '/');
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string label_of(const TaskLine& line) {
    return std::string(name_of(line.kind)) + task_keys(line);
}

Result<std::vector<Configuration>> parse(std::string_view text) {
    std::vector<Configuration> all;
    unsigned number = 0;
    for (const std::string_view line : lines_of(text)) {
        ++number;
        if (is_comment(line))
            continue;
        if (auto status = parse_line(all, line); !status)
            return status.error().with(fmt::format("line {}", number));
    }
    if (all.empty())
        return Error("there is no configuration in it");
    if (auto status = check_whole(all.back()); !status)
        return status.error().with(all.back().name);
    return all;
}

std::string to_text(const Configuration& configuration) {
    std::string text = fmt::format("config {} {}\n", configuration.name, configuration.about);
    for (const Group& group : configuration.groups)
        text += group_text(group) + "\n";
    for (const TaskLine& line : configuration.tasks)
        text += fmt::format("task {} {}{}{}\n", line.group, name_of(line.kind),
                            line.count != 1 ? fmt::format(" count={}", line.count) : "",
                            task_keys(line));
    return text;
}

} // namespace rustland::shares
