// SPDX-License-Identifier: GPL-2.0-only
// Process events at a given rate into the real detector, more than the VM can make by forking: what
// they cost, and whether a game that starts among them is found.
//
// A process of its own sends what the kernel would: one datagram for each exec. Some are of real
// processes that live for a moment, evenly spread so that the detector looks at as many of them at
// once as it does in a storm; the others of processes that are gone already, as all are a moment
// later. Now and then there is a real game.
#include "rustland/common/clock.hpp"
#include "supervisor/config/load.hpp"
#include "supervisor/system/detector.hpp"
#include "support.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using vm::die;

namespace {

struct Options {
    int rate = 2000;
    int alive = 100; // of these so many of processes that live for a moment
    int seconds = 20;
    std::string config;
    std::string
        game; // a program that a rule knows; it must accept the arguments "beat --threads 1"
};

constexpr int kBurstMs = 5;
constexpr int kMostGames = 256;

// Written by the sender, read by us.
struct Shared {
    int games = 0;
    std::array<Nanos, kMostGames> sent{};
    std::uint64_t events = 0;
};

constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr std::size_t kEventBytes = 40; // as the kernel sends it
using Datagram = std::array<char, kHeaders + kEventBytes>;

Datagram exec_event(pid_t pid) {
    Datagram out{};
    nlmsghdr header{};
    header.nlmsg_len = sizeof(out);
    header.nlmsg_type = NLMSG_DONE;
    const cb_id id{CN_IDX_PROC, CN_VAL_PROC};
    const std::uint32_t exec = 0x00000002;
    const std::array<std::int32_t, 2> ids{pid, pid};
    std::memcpy(out.data(), &header, sizeof(header));
    std::memcpy(out.data() + NLMSG_HDRLEN, &id, sizeof(id));
    std::memcpy(out.data() + kHeaders, &exec, sizeof(exec));
    std::memcpy(out.data() + kHeaders + 16, ids.data(), sizeof(ids));
    return out;
}

class Sender {
  public:
    Sender(const Options& options, int fd, Shared& shared)
        : options_(options), fd_(fd), shared_(shared) {
        // A number that nobody has: what a short process leaves.
        gone_ = ::fork();
        if (gone_ == 0)
            ::_exit(0);
        ::waitpid(gone_, nullptr, 0);
    }

    void run() {
        const Nanos began = monotonic_now();
        const Nanos end = began + seconds(options_.seconds);
        Nanos next_game = began + seconds(1);
        for (Nanos next = began; next < end; next = next + millis(kBurstMs)) {
            const Nanos now = monotonic_now();
            if (next > now)
                vm::sleep_for(next - now);
            burst();
            if (next >= next_game) {
                change_game();
                next_game = next + millis(457);
            }
        }
        if (game_ > 0)
            change_game();
    }

  private:
    void send(pid_t pid) {
        const Datagram datagram = exec_event(pid);
        if (::send(fd_, datagram.data(), datagram.size(), 0) < 0)
            die("send", errno);
        ++shared_.events;
    }

    void burst() {
        const int count = options_.rate * kBurstMs / 1000;
        for (int i = 0; i < count; ++i) {
            due_alive_ += options_.alive;
            if (due_alive_ >= options_.rate) {
                due_alive_ -= options_.rate;
                send(short_process());
            } else {
                send(gone_);
            }
        }
    }

    // One that is there when it is looked at first, and gone at the later looks.
    static pid_t short_process() {
        const pid_t pid = ::fork();
        if (pid == 0) {
            vm::sleep_for(millis(30));
            ::_exit(0);
        }
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        return pid;
    }

    // Starts a game, or ends the one that runs.
    void change_game() {
        if (game_ > 0) {
            ::kill(game_, SIGKILL);
            ::waitpid(game_, nullptr, 0);
            game_ = 0;
            return;
        }
        if (shared_.games >= kMostGames)
            return;
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
            die("pipe", errno);
        game_ = ::fork();
        if (game_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const UniqueFd null(::open("/dev/null", O_WRONLY));
            ::dup2(null.get(), STDOUT_FILENO);
            ::execl(options_.game.c_str(), options_.game.c_str(), "beat", "--threads", "1",
                    nullptr);
            ::_exit(127);
        }
        ::close(pipe[1]);
        char byte = 0;
        const ssize_t ended = ::read(pipe[0], &byte, 1); // closed by exec
        ::close(pipe[0]);
        if (ended != 0)
            die("read", errno);
        shared_.sent[static_cast<std::size_t>(shared_.games)] = monotonic_now();
        ++shared_.games;
        send(game_);
    }

    const Options& options_;
    int fd_;
    Shared& shared_;
    pid_t gone_ = 0;
    pid_t game_ = 0;
    int due_alive_ = 0;
};

Nanos cpu_time() {
    timespec ts{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return Nanos{std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec};
}

struct Receiver {
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Detector> detector;
    Source source;
    std::vector<Nanos> began; // when each game was found
    int ended = 0;

    // False at the end of what is sent.
    [[nodiscard]] bool read(int fd) const {
        std::vector<ProcessEvent> events;
        bool more = true;
        for (int i = 0; i < 256; ++i) {
            std::array<std::byte, 8192> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
            const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            more = n != 0;
            if (n <= 0)
                break;
            for (const ProcessEvent& event :
                 parse_proc_events(std::span(buffer.data(), static_cast<std::size_t>(n))))
                events.push_back(event);
        }
        detector->handle(events);
        return more;
    }
};

int receive(const Options& options, int fd, const Shared& shared) {
    const BuiltConfig built = load_config({options.config}, system_user);
    for (const Problem& problem : built.problems)
        fmt::print(stderr, "{}\n", problem.message());
    if (!built.problems.empty())
        return 1;
    Receiver receiver;
    receiver.loop = *Loop::create();
    DetectorOptions detection;
    detection.process_events = false;
    receiver.detector =
        *Detector::create(*receiver.loop, detection, [&](const std::vector<Event>& events, bool) {
            for (const Event& event : events) {
                if (std::holds_alternative<event::WorkloadStarted>(event))
                    receiver.began.push_back(monotonic_now());
                receiver.ended += std::holds_alternative<event::WorkloadEnded>(event) ? 1 : 0;
            }
        });
    receiver.detector->use(std::make_shared<Matcher>(built.config.rules), seconds(30));
    bool open = true;
    receiver.source =
        *receiver.loop->io(fd, EPOLLIN, [&](std::uint32_t) { open = receiver.read(fd); });
    const Nanos cpu_before = cpu_time();
    const Nanos began = monotonic_now();
    while (open)
        receiver.loop->run_once(seconds(1));
    const Nanos took = monotonic_now() - began;
    const Nanos used = cpu_time() - cpu_before;

    std::vector<std::int64_t> delays;
    for (std::size_t i = 0; i < receiver.began.size() && i < kMostGames; ++i)
        delays.push_back((receiver.began[i] - shared.sent[i]).value / 1000);
    std::sort(delays.begin(), delays.end());
    fmt::print("injected events={} per_second={} cpu_percent={:.2f} games={} found={} ended={} "
               "found_median_us={} found_max_us={}\n",
               shared.events,
               shared.events * 1'000'000'000 / static_cast<std::uint64_t>(took.value),
               100.0 * static_cast<double>(used.value) / static_cast<double>(took.value),
               shared.games, receiver.began.size(), receiver.ended,
               delays.empty() ? 0 : delays[delays.size() / 2], delays.empty() ? 0 : delays.back());
    return receiver.began.size() == static_cast<std::size_t>(shared.games) && shared.games > 0 ? 0
                                                                                               : 1;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Process events at a given rate into the detector");
    app.add_option("--rate", options.rate, "events per second");
    app.add_option("--alive", options.alive, "of these, of processes that live for a moment");
    app.add_option("--seconds", options.seconds);
    app.add_option("--config", options.config)->required();
    app.add_option("--game", options.game)->required();
    CLI11_PARSE(app, argc, argv);
    std::array<int, 2> sockets{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0)
        die("socketpair", errno);
    auto* shared = new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
    const pid_t sender = ::fork();
    if (sender == 0) {
        ::close(sockets[0]);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        Sender(options, sockets[1], *shared).run();
        ::_exit(0);
    }
    ::close(sockets[1]);
    const int status = receive(options, sockets[0], *shared);
    ::waitpid(sender, nullptr, 0);
    return status;
}
