// SPDX-License-Identifier: GPL-2.0-only
#include "bench/desktop.hpp"

#include "bench/clocks.hpp"
#include "bench/work.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace rustland::bench {
namespace {

constexpr std::int64_t kFinish = -1; // instead of the number of a period
constexpr std::int64_t kMixed = -1;  // instead of a lateness

struct PeriodMessage {
    std::int64_t period;
    std::int64_t lateness; // ns; kMixed: the sound server's work is left to do
};

// Messages are shorter than PIPE_BUF, so a pipe takes and gives them whole. Without the other end
// the run is lost, and whoever notices says so and ends.
template <typename Message> void send(int fd, const Message& message) {
    ssize_t n = 0;
    do {
        n = ::write(fd, &message, sizeof(message));
    } while (n < 0 && errno == EINTR);
    if (n != sizeof(message)) {
        fmt::print(stderr, "rustland-bench: pipe of the desktop: {}\n", std::strerror(errno));
        ::_exit(1);
    }
}

template <typename Message> Message receive(int fd) {
    Message message{};
    ssize_t n = 0;
    do {
        n = ::read(fd, &message, sizeof(message));
    } while (n < 0 && errno == EINTR);
    if (n != sizeof(message)) {
        fmt::print(stderr, "rustland-bench: pipe of the desktop: {}\n",
                   n < 0 ? std::strerror(errno) : "its other end is gone");
        ::_exit(1);
    }
    return message;
}

} // namespace

Result<DesktopLinks> DesktopLinks::create() {
    DesktopLinks links;
    for (Ends& ends : links.pipes_) {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0)
            return Error::from_errno("pipe");
        ends.read.reset(fds[0]);
        ends.write.reset(fds[1]);
    }
    return links;
}

Nanos DesktopLinks::show_frame() const {
    send(pipes_[kFrames].write.get(), char{0});
    return {receive<std::int64_t>(pipes_[kShown].read.get())};
}

void DesktopLinks::hand_over_period(std::int64_t period) const {
    send(pipes_[kPeriods].write.get(), PeriodMessage{period, kMixed});
}

void DesktopLinks::hand_over_lost_period(std::int64_t period, Nanos lateness) const {
    send(pipes_[kPeriods].write.get(), PeriodMessage{period, lateness.value});
}

void DesktopLinks::finish_sound() const {
    send(pipes_[kPeriods].write.get(), PeriodMessage{kFinish, 0});
    receive<char>(pipes_[kFinished].read.get());
}

// The other side of the links.
class DesktopServer {
  public:
    DesktopServer(const GameConfig& config, const DesktopLinks& links, GameRecord& record)
        : config_(config), links_(links), record_(record) {}

    // The origin of all clocks is in the record before the first message is sent.
    [[noreturn]] void compose() {
        const std::uint64_t iterations =
            iterations_for(config_.game.compositor_us, config_.iterations_per_ms);
        for (;;) {
            receive<char>(fd_of(DesktopLinks::kFrames, kRead));
            work(iterations);
            const Nanos done = monotonic_now();
            const VsyncGrid grid(record_.window().origin, config_.game.hz);
            send(fd_of(DesktopLinks::kShown, kWrite),
                 (config_.vsync ? grid.at_or_after(done) : done).value);
        }
    }

    [[noreturn]] void mix() {
        const std::uint64_t iterations =
            iterations_for(config_.game.sound_us, config_.iterations_per_ms);
        for (;;) {
            const auto message = receive<PeriodMessage>(fd_of(DesktopLinks::kPeriods, kRead));
            if (message.period == kFinish)
                send(fd_of(DesktopLinks::kFinished, kWrite), char{0});
            else if (message.lateness != kMixed)
                record_.add_audio_period(message.period, Nanos{message.lateness});
            else
                mix_period(message.period, iterations);
        }
    }

  private:
    enum End { kRead, kWrite };
    [[nodiscard]] int fd_of(DesktopLinks::Pipe pipe, End end) const {
        const auto& ends = links_.pipes_.at(pipe);
        return end == kRead ? ends.read.get() : ends.write.get();
    }

    void work(std::uint64_t iterations) {
        state_ = spin(state_, iterations);
        record_.add_desktop_iterations(iterations);
    }

    // The work for a period that is over already is dropped, as a sound device does.
    void mix_period(std::int64_t period, std::uint64_t iterations) {
        const Nanos end = AudioClock(record_.window().origin).end(period);
        if (monotonic_now() < end)
            work(iterations);
        const Nanos over = monotonic_now() - end;
        record_.add_audio_period(period, over.value > 0 ? over : Nanos{});
    }

    const GameConfig& config_;
    const DesktopLinks& links_;
    GameRecord& record_;
    std::uint64_t state_ = 1;
};

Result<ProcessGroup> start_desktop(const GameConfig& config, const DesktopLinks& links,
                                   GameRecord& record, const Placement& place) {
    const auto body = [&]() -> int {
        DesktopServer server(config, links, record);
        const auto sound = fork_member("bench-sound", [&]() -> int { server.mix(); });
        if (!sound) {
            fmt::print(stderr, "rustland-bench: {}\n", sound.error().message());
            return 1;
        }
        server.compose();
    };
    return ProcessGroup::start("bench-composer", body, place);
}

} // namespace rustland::bench
