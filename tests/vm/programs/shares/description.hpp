// SPDX-License-Identifier: GPL-2.0-only
// What share-oracle measures: configurations of groups and tasks, and the text that describes them.
//
//   config NAME ABOUT…          begins a configuration; ABOUT is for people
//   session PATH [nice=N]       a session of its own: the kernel makes an autogroup of it
//   cgroup PATH [weight=N] [nice=N] [idle] [max=PERCENT%] [period=TIME] [burst=TIME]
//                               a control group with the cpu controller; a/b lies in a, which is
//                               described before
//   scope PATH                  a control group without that controller, so that its tasks are in
//                               its parent's group
//   task PATH KIND [count=N] …  tasks of the group PATH, all alike
//
// KIND and what it takes besides nice=N, policy=batch|idle, cpus=N,N, foreground and moves=PATH (a
// second in its own group and a second in that one, in turn):
//   hog                         never sleeps
//   sleeper work=TIME every=TIME    that much CPU time, each time the period begins
//   napper work=TIME nap=TIME   that much CPU time, then that long asleep
//   storm work=TIME [alive=N]   processes that end after that much CPU time, always N of them
//   pair work=TIME              two processes that pass a message through pipes back and forth, and
//                               use that much CPU time for each
// TIME is a whole number with ns, us, ms or s. A line that begins with # is a comment.
#pragma once

#include "rustland/common/result.hpp"
#include "rustland/common/types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rustland::shares {

enum class GroupKind { session, cgroup, scope };

// cpu.max: as percent of one CPU.
struct Bandwidth {
    unsigned percent = 100;
    Nanos period = millis(100);
    Nanos burst{};
    bool operator==(const Bandwidth&) const = default;
};

struct Group {
    std::string path;
    GroupKind kind = GroupKind::session;
    std::optional<unsigned> weight; // cpu.weight: 1 to 10000
    std::optional<int> nice;        // cpu.weight.nice, or the session's autogroup
    bool idle = false;              // cpu.idle
    std::optional<Bandwidth> max;
    bool operator==(const Group&) const = default;
};

enum class TaskKind { hog, sleeper, napper, storm, pair };
enum class TaskPolicy { normal, batch, idle };

// Tasks that are alike: one line of the text.
struct TaskLine {
    std::string group;
    TaskKind kind = TaskKind::hog;
    unsigned count = 1;
    int nice = 0;
    TaskPolicy policy = TaskPolicy::normal;
    std::vector<int> cpus; // empty: all of them
    Nanos work{};
    Nanos every{};
    Nanos nap{};
    unsigned alive = 1;
    std::string moves; // the other group; empty: it stays
    bool foreground = false;
    bool operator==(const TaskLine&) const = default;
};

struct Configuration {
    std::string name;
    std::string about;
    std::vector<Group> groups;
    std::vector<TaskLine> tasks;
    bool operator==(const Configuration&) const = default;
};

// Whether `inner` is `outer` or lies in it.
bool within(std::string_view inner, std::string_view outer);

// "a" of "a/b"; empty for "a".
std::string parent_of(const std::string& path);

// A line's tasks for a table: "hog nice=5".
std::string label_of(const TaskLine& line);

// All or nothing: the error names the line and what it should be.
Result<std::vector<Configuration>> parse(std::string_view text);

// The text that parse() makes the same configuration of.
std::string to_text(const Configuration& configuration);

} // namespace rustland::shares
