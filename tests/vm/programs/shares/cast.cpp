// SPDX-License-Identifier: GPL-2.0-only
#include "shares/cast.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "shares/cgroups.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::shares {
namespace {

// In a leader, before it has tasks. It leads a process group in any case, so that all of them can
// be killed at once.
Status enter_group(const Group& group) {
    if (group.kind != GroupKind::session) {
        ::setpgid(0, 0);
        return Cgroups::enter(group.path, 0);
    }
    if (::setsid() < 0)
        return Error::from_errno("cannot make a session");
    return group.nice ? write_file("/proc/self/autogroup", std::to_string(*group.nice)) : Status();
}

void start_player(const Player& player, int gate) {
    std::array<int, 4> pipes{-1, -1, -1, -1};
    if (player.line->kind == TaskKind::pair &&
        (::pipe(pipes.data()) != 0 || ::pipe(pipes.data() + 2) != 0)) {
        fmt::print(stderr, "share-oracle: no pipe for a pair\n");
        std::_Exit(1);
    }
    for (std::size_t i = 0; i < player.slots.size(); ++i) {
        const pid_t child = ::fork();
        if (child < 0) {
            fmt::print(stderr, "share-oracle: cannot fork a task\n");
            std::_Exit(1);
        }
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            be_task(*player.line, i, player.slots[i], gate, pipes);
        }
    }
    for (const int fd : pipes)
        if (fd >= 0)
            ::close(fd);
}

// A leader ends when one of its tasks does, as none of them should.
[[noreturn]] void lead(const Group& group, const std::vector<Player>& players, int gate) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (auto status = enter_group(group); !status) {
        fmt::print(stderr, "share-oracle: {}: {}\n", group.path, status.error().message());
        std::_Exit(1);
    }
    for (const Player& player : players)
        if (player.line->group == group.path)
            start_player(player, gate);
    ::close(gate);
    while (::wait(nullptr) < 0 && errno == EINTR) {
    }
    std::_Exit(1);
}

bool has_tasks(const Configuration& configuration, const Group& group) {
    return std::any_of(configuration.tasks.begin(), configuration.tasks.end(),
                       [&](const TaskLine& line) { return line.group == group.path; });
}

} // namespace

Result<Cast> Cast::assemble(const Configuration& configuration) {
    Cast cast;
    std::size_t slots = 0;
    for (const TaskLine& line : configuration.tasks)
        slots += line.count * slots_of(line);
    void* memory = ::mmap(nullptr, slots * sizeof(Slot), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        return Error::from_errno("cannot map memory for the tasks");
    cast.slots_ = {static_cast<Slot*>(memory), slots};
    for (Slot& slot : cast.slots_)
        new (&slot) Slot;
    std::size_t next = 0;
    for (std::size_t i = 0; i < configuration.tasks.size(); ++i) {
        const TaskLine& line = configuration.tasks[i];
        for (unsigned n = 0; n < line.count; ++n) {
            cast.players_.push_back({.line = &line,
                                     .line_index = i,
                                     .slots = cast.slots_.subspan(next, slots_of(line))});
            next += slots_of(line);
        }
    }
    std::array<int, 2> gate{};
    if (::pipe(gate.data()) != 0)
        return Error::from_errno("cannot make a pipe");
    const UniqueFd reading(gate[0]);
    cast.gate_.reset(gate[1]);
    for (const Group& group : configuration.groups) {
        if (!has_tasks(configuration, group))
            continue;
        if (auto status = cast.start_group(group, reading.get()); !status)
            return status.error();
    }
    if (auto status = cast.wait_until_ready(configuration); !status)
        return status.error();
    return cast;
}

Cast::Cast(Cast&& other) noexcept
    : players_(std::move(other.players_)), slots_(std::exchange(other.slots_, {})),
      leaders_(std::exchange(other.leaders_, {})), gate_(std::move(other.gate_)) {}

Cast::~Cast() {
    for (const pid_t leader : leaders_) {
        ::kill(-leader, SIGKILL);
        ::kill(leader, SIGKILL); // in case that it did not lead anything yet
    }
    // Tasks whose leader is dead are our children: the caller is the reaper of its descendants.
    if (!leaders_.empty())
        while (::wait(nullptr) > 0 || errno == EINTR) {
        }
    if (!slots_.empty())
        ::munmap(slots_.data(), slots_.size_bytes());
}

Status Cast::start_group(const Group& group, int gate) {
    const pid_t leader = ::fork();
    if (leader < 0)
        return Error::from_errno("cannot fork");
    if (leader == 0) {
        gate_.reset();
        lead(group, players_, gate);
    }
    leaders_.push_back(leader);
    return {};
}

Status Cast::wait_until_ready(const Configuration& configuration) const {
    const Nanos deadline = monotonic_now() + seconds(20);
    for (const Slot& slot : slots_) {
        while (slot.pid == 0) {
            if (monotonic_now() > deadline || ::waitpid(-1, nullptr, WNOHANG) > 0)
                return Error(
                    fmt::format("{}: a task did not get ready: see above", configuration.name));
            ::usleep(1000);
        }
    }
    return {};
}

std::vector<pid_t> Cast::foreground() const {
    std::vector<pid_t> pids;
    for (const Player& player : players_)
        if (player.line->foreground)
            for (const Slot& slot : player.slots)
                pids.push_back(slot.pid);
    return pids;
}

Result<Nanos> Cast::cpu_time(const Player& player) {
    Nanos sum;
    for (const Slot& slot : player.slots) {
        clockid_t clock = 0;
        timespec time{};
        if (::clock_getcpuclockid(slot.pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
            return Error(fmt::format("a task of the group {} has ended", player.line->group));
        sum += seconds(time.tv_sec) + Nanos{time.tv_nsec} +
               Nanos{static_cast<std::int64_t>(slot.children_ns.load())};
    }
    return sum;
}

} // namespace rustland::shares
