// SPDX-License-Identifier: GPL-2.0-only
// Starts a game again and again, and takes the time until the scheduler is there and gone again.
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/core.h>
#include <optional>
#include <string_view>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::vm {
namespace {

constexpr Nanos kPoll = micros(500);
constexpr Nanos kGiveUp = seconds(30);

std::string kernel(const char* name) {
    const auto line = read_line(std::string("/sys/kernel/sched_ext/") + name);
    return line ? *line : std::string();
}

std::uint64_t enable_seq() {
    const std::string text = kernel("enable_seq");
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// Waits in small steps; the time at which `done` held.
template <typename Done> Nanos wait_until(const char* what, const Done& done) {
    const Nanos deadline = monotonic_now() + kGiveUp;
    for (;;) {
        if (done())
            return monotonic_now();
        if (monotonic_now() > deadline) {
            fmt::print(stderr, "vm-tasks: not within 30 s: {}\n", what);
            std::exit(1);
        }
        sleep_for(kPoll);
    }
}

// Says when somebody opens a file, as exec does.
class OpenWatch {
  public:
    explicit OpenWatch(const std::string& path) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
        if (!fd_ || ::inotify_add_watch(fd_.get(), path.c_str(), IN_OPEN) < 0)
            die(path.c_str(), errno);
    }
    [[nodiscard]] bool seen() const {
        std::array<char, 4096> events{};
        return ::read(fd_.get(), events.data(), events.size()) > 0;
    }

  private:
    UniqueFd fd_;
};

struct Game {
    pid_t pid = 0;
    Nanos exec; // when it called exec
};

// `shared` lies in memory that the child shares with us.
Game start_game(const std::vector<std::string>& command, Nanos* shared) {
    std::vector<char*> argv;
    for (const std::string& word : command)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    *shared = {};
    const pid_t pid = ::fork();
    if (pid < 0)
        die("fork", errno);
    if (pid == 0) {
        *shared = monotonic_now();
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    wait_until("the game's exec", [&] { return shared->value != 0; });
    return {pid, *shared};
}

void print_row(const char* name, std::vector<std::int64_t> us) {
    std::sort(us.begin(), us.end());
    const auto rank = [&](std::size_t percent) {
        // The smallest value that at least so many per cent do not exceed.
        return us[(us.size() * percent + 99) / 100 - 1];
    };
    fmt::print("{} count={} median_us={} p99_us={} max_us={}\n", name, us.size(), rank(50),
               rank(99), us.back());
}

} // namespace

int starts(const StartsOptions& options) {
    auto* shared = static_cast<Nanos*>(
        ::mmap(nullptr, sizeof(Nanos), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (shared == MAP_FAILED)
        die("mmap", errno);
    std::vector<std::int64_t> spawned_us;
    std::vector<std::int64_t> attached_us;
    std::vector<std::int64_t> detached_us;
    const auto us = [](Nanos span) { return span.value / 1000; };
    for (unsigned i = 0; i < options.count; ++i) {
        wait_until("sched_ext is disabled", [] { return kernel("state") == "disabled"; });
        // Not in step with anything that happens at regular times.
        sleep_for(millis(400) + micros(std::int64_t{i} * 1237));
        const OpenWatch opened(options.scheduler);
        const std::uint64_t before = enable_seq();
        const Game game = start_game(options.command, shared);
        std::optional<Nanos> spawned;
        const Nanos attached = wait_until("a scheduler is attached", [&] {
            if (!spawned && opened.seen())
                spawned = monotonic_now();
            return enable_seq() > before && kernel("state") == "enabled";
        });
        if (!spawned) {
            fmt::print(stderr, "vm-tasks: attached, but not {}\n", options.scheduler);
            return 1;
        }
        sleep_for(millis(300));
        const Nanos killed = monotonic_now();
        ::kill(game.pid, SIGKILL);
        ::waitpid(game.pid, nullptr, 0);
        const Nanos detached = wait_until("detached", [] { return kernel("state") == "disabled"; });
        spawned_us.push_back(us(*spawned - game.exec));
        attached_us.push_back(us(attached - game.exec));
        detached_us.push_back(us(detached - killed));
    }
    print_row("spawned", spawned_us);
    print_row("attached", attached_us);
    print_row("detached", detached_us);
    return 0;
}

} // namespace rustland::vm
