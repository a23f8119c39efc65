// SPDX-License-Identifier: GPL-2.0-only
#include "shares/stage.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "shares/cast.hpp"
#include "shares/cgroups.hpp"
#include "shares/scheduler.hpp"
#include "shares/words.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <system_error>
#include <unistd.h>

namespace rustland::shares {
namespace {

struct Snapshot {
    Nanos when;
    std::vector<Nanos> players;
    std::vector<Nanos> groups; // of control groups; zero for sessions
    Nanos idle;                // of all CPUs
};

// In hundredths of a second, from the first line of /proc/stat: cpu user nice system idle iowait …
Result<Nanos> idle_time() {
    const auto text = read_file("/proc/stat");
    if (!text)
        return text.error();
    Words words(lines_of(*text).front());
    for (int i = 0; i < 4; ++i)
        words.next();
    std::int64_t ticks = 0;
    for (int i = 0; i < 2; ++i) {
        const std::string word = words.next();
        std::int64_t value = 0;
        if (std::from_chars(word.data(), word.data() + word.size(), value).ec != std::errc())
            return Error("/proc/stat does not begin with the times of all CPUs");
        ticks += value;
    }
    return millis(10) * ticks;
}

Result<Snapshot> take_snapshot(const Configuration& configuration, const Cast& cast) {
    Snapshot snapshot{.when = monotonic_now(), .players = {}, .groups = {}, .idle = {}};
    const auto idle = idle_time();
    if (!idle)
        return idle.error();
    snapshot.idle = *idle;
    for (const Player& player : cast.players()) {
        auto time = Cast::cpu_time(player);
        if (!time)
            return time.error();
        snapshot.players.push_back(*time);
    }
    for (const Group& group : configuration.groups) {
        auto time = group.kind == GroupKind::session ? Result<Nanos>(Nanos{})
                                                     : Cgroups::cpu_time(group.path);
        if (!time)
            return time.error();
        snapshot.groups.push_back(*time);
    }
    return snapshot;
}

void sleep_until(Nanos moment) {
    const timespec when{moment.value / 1'000'000'000, moment.value % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) == EINTR) {
    }
}

// Each second, tasks that move go to their other group.
Status play_until(Nanos end, const Cast& cast, bool& away) {
    const bool moves =
        std::any_of(cast.players().begin(), cast.players().end(),
                    [](const Player& player) { return !player.line->moves.empty(); });
    while (moves && monotonic_now() + seconds(1) <= end) {
        sleep_until(monotonic_now() + seconds(1));
        away = !away;
        for (const Player& player : cast.players()) {
            if (player.line->moves.empty())
                continue;
            const std::string& target = away ? player.line->moves : player.line->group;
            if (auto status = Cgroups::enter(target, player.slots[0].pid); !status)
                return status;
        }
    }
    sleep_until(end);
    return {};
}

bool is_single(const Configuration& configuration, const Group& group) {
    unsigned tasks = 0;
    for (const TaskLine& line : configuration.tasks) {
        if (!within(line.group, group.path) && !within(line.moves, group.path))
            continue;
        const bool one = line.kind != TaskKind::storm && line.kind != TaskKind::pair &&
                         line.moves.empty() && line.count == 1;
        tasks += one ? 1 : 2;
    }
    return tasks == 1;
}

// All of it in percent of what the machine had between the two.
void fill_shares(Run& run, const Configuration& configuration, const Cast& cast,
                 const Snapshot& from, const Snapshot& to) {
    const auto machine = static_cast<double>((to.when - from.when).value) * run.cpus;
    const auto percent = [machine](Nanos span) {
        return 100 * static_cast<double>(span.value) / machine;
    };
    for (const TaskLine& line : configuration.tasks)
        run.tasks.push_back({.group = line.group, .label = label_of(line), .percent = {}});
    std::vector<Nanos> sessions(configuration.groups.size());
    run.idle = percent(to.idle - from.idle);
    run.others = 100 - run.idle;
    for (std::size_t i = 0; i < cast.players().size(); ++i) {
        const Player& player = cast.players()[i];
        const Nanos used = to.players[i] - from.players[i];
        run.tasks[player.line_index].percent.push_back(percent(used));
        run.others -= percent(used);
        for (std::size_t g = 0; g < configuration.groups.size(); ++g)
            if (configuration.groups[g].path == player.line->group)
                sessions[g] += used;
    }
    for (std::size_t g = 0; g < configuration.groups.size(); ++g) {
        const Group& group = configuration.groups[g];
        const Nanos used =
            group.kind == GroupKind::session ? sessions[g] : to.groups[g] - from.groups[g];
        run.groups.push_back({.path = group.path,
                              .percent = percent(used),
                              .single = is_single(configuration, group)});
    }
}

unsigned cpu_count() {
    return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

} // namespace

Status prepare_process() {
    if (::geteuid() != 0)
        return Error(
            "cannot make sessions and control groups: run it as root, in a virtual machine");
    const auto own = read_line("/proc/self/cgroup");
    if (!own)
        return own.error();
    if (*own != "0::/")
        return Error("cannot use autogroups: this process is not in the root control group");
    const auto autogroup = read_line("/proc/sys/kernel/sched_autogroup_enabled");
    if (!autogroup || *autogroup != "1")
        return Error("cannot use autogroups: the kernel has none, or they are switched off");
    const sched_param parameters{.sched_priority = 50};
    if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) != 0)
        return Error::from_errno("cannot become a real-time process");
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return Error::from_errno("cannot become the reaper of all tasks");
    return {};
}

Result<Run> perform(const Configuration& configuration, const StageOptions& options) {
    const SchedulerState before = scheduler_state();
    utsname system{};
    ::uname(&system);
    Run run{.configuration = configuration.name,
            .about = configuration.about,
            .scheduler = before.name,
            .kernel = static_cast<const char*>(system.release),
            .cgroup_mode = before.name == "EEVDF" ? before.cgroup_mode : "",
            .cpus = cpu_count(),
            .seed = options.seed,
            .groups = {},
            .tasks = {}};
    const auto cgroups = Cgroups::create(configuration.groups);
    if (!cgroups)
        return cgroups.error();
    auto cast = Cast::assemble(configuration); // it goes before its groups do
    if (!cast)
        return cast.error();
    if (auto status = make_foreground(before, options.socket, cast->foreground()); !status)
        return status.error();
    cast->open_gate();
    bool away = false;
    if (auto status = play_until(monotonic_now() + options.warmup, *cast, away); !status)
        return status.error();
    const auto from = take_snapshot(configuration, *cast);
    if (!from)
        return from.error();
    if (auto status = play_until(from->when + options.duration, *cast, away); !status)
        return status.error();
    const auto to = take_snapshot(configuration, *cast);
    if (!to)
        return to.error();
    if (scheduler_state() != before)
        return Error(fmt::format("{}: the scheduler '{}' changed or went away during the run",
                                 configuration.name, before.name));
    run.seconds = static_cast<double>((to->when - from->when).value) / 1e9;
    fill_shares(run, configuration, *cast, *from, *to);
    return run;
}

} // namespace rustland::shares
