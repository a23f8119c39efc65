// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "rustland/common/unique_fd.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/ctl/seeing.hpp"
#include "supervisor/ctl/trace_record.hpp"
#include "supervisor/ctl/trace_summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr std::chrono::milliseconds kCounterInterval(100);

int complain(const CtlOptions& options, const Error& error) {
    if (options.json)
        print_json({{"ok", false}, {"error", error.message()}});
    else
        fmt::print(stderr, "rustlandctl: {}\n", error.message());
    return kFailed;
}

// SIGINT, SIGTERM, SIGHUP and the end of the command, through a descriptor while this lives: the
// kernel's tracing must be put back in any case.
class Signals {
  public:
    static Result<Signals> take() {
        sigset_t wanted;
        sigset_t before;
        ::sigemptyset(&wanted);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD})
            ::sigaddset(&wanted, signal);
        if (::sigprocmask(SIG_BLOCK, &wanted, &before) != 0)
            return Error::from_errno("sigprocmask");
        UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!fd)
            return Error::from_errno("signalfd");
        return Signals(std::move(fd), before);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    Signals(Signals&&) = default;
    Signals& operator=(Signals&&) = delete;
    ~Signals() {
        if (fd_)
            ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    // As it was before: for the command.
    [[nodiscard]] const sigset_t& before() const { return before_; }
    // The next one, 0: none came.
    [[nodiscard]] int next() const {
        signalfd_siginfo info{};
        return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info)
                   ? static_cast<int>(info.ssi_signo)
                   : 0;
    }
    // Whether one asks for the end.
    [[nodiscard]] bool interrupted() const {
        int number = next();
        while (number == SIGCHLD)
            number = next();
        return number != 0;
    }

  private:
    Signals(UniqueFd fd, const sigset_t& before) : fd_(std::move(fd)), before_(before) {}
    UniqueFd fd_;
    sigset_t before_;
};

// The command under observation.
class Child {
  public:
    static Result<Child> start(const std::vector<std::string>& command, const sigset_t& signals) {
        std::vector<char*> argv;
        for (const std::string& word : command)
            argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        const pid_t pid = ::fork();
        if (pid < 0)
            return Error::from_errno("fork");
        if (pid == 0) {
            ::sigprocmask(SIG_SETMASK, &signals, nullptr);
            ::execvp(argv[0], argv.data());
            const Error error = Error::from_errno(command.front());
            fmt::print(stderr, "rustlandctl: {}\n", error.message());
            ::_exit(error.code() == ENOENT ? 127 : 126);
        }
        return Child(pid);
    }
    // Its exit status once it has ended.
    std::optional<int> ended() {
        int status = 0;
        if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_)
            return std::nullopt;
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    // It is left alone where only the time is up; a signal for us is one for it, too.
    void signal(int number) const {
        if (pid_ > 0)
            ::kill(pid_, number);
    }

  private:
    explicit Child(pid_t pid) : pid_(pid) {}
    pid_t pid_;
};

// The scheduler's statistics as tracks beside those of the CPUs.
void mark(const TraceInstance& trace, const SchedulerSample& sample) {
    for (const char* name :
         {"pending", "policy_waiting", "queued", "decided", "idle", "fallback", "kick_preempt"})
        if (const Value value = sample.value(name))
            trace.counter(fmt::format("rustland {}", name), *value);
}

struct Recorded {
    int interrupted = 0; // the signal
    std::optional<int> command_status;
};

// Until the time is up, the command has ended or a signal comes.
Result<Recorded> record(TraceInstance& trace, const Signals& signals, const TraceOptions& options) {
    auto feed = SchedulerFeed::open(options.scheduler_socket, kCounterInterval);
    if (auto done = trace.start(); !done)
        return done.error();
    std::optional<Child> child;
    if (!options.command.empty()) {
        auto started = Child::start(options.command, signals.before());
        if (!started)
            return started.error();
        child = *started;
    }
    constexpr double kDefaultSeconds = 10;
    const bool timed = options.seconds > 0 || options.command.empty();
    const Nanos end =
        monotonic_now() +
        Nanos{std::llround(1e9 * (options.seconds > 0 ? options.seconds : kDefaultSeconds))};
    Recorded result;
    for (;;) {
        const std::int64_t left = (end - monotonic_now()).value / 1'000'000 + 1;
        if (timed && left <= 0)
            break;
        std::array<pollfd, 2> wait{
            {{signals.fd(), POLLIN, 0}, {feed ? feed->fd() : -1, POLLIN, 0}}};
        ::poll(wait.data(), wait.size(), timed ? static_cast<int>(left) : -1);
        if (wait[1].revents != 0) {
            const auto sample = feed->next();
            if (sample)
                mark(trace, *sample);
            else
                feed = sample.error(); // it has ended: without its tracks from here on
        }
        const int number = wait[0].revents != 0 ? signals.next() : 0;
        if (number == SIGCHLD) {
            result.command_status = child ? child->ended() : std::nullopt;
            if (result.command_status)
                break;
        } else if (number != 0) {
            result.interrupted = number;
            if (child)
                child->signal(number);
            break;
        }
    }
    if (auto done = trace.stop(); !done)
        return done.error();
    return result;
}

Result<TraceSummary> summary_of(const std::string& file) {
    const auto text = read_file(file);
    if (!text)
        return text.error();
    const auto trace = parse_trace(*text, file);
    if (!trace)
        return trace.error();
    return summarise(*trace);
}

// As far as that can be told without making it.
Status check_output(const std::string& file) {
    const std::size_t slash = file.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
    const bool there = path_exists(file);
    if (::access(there ? file.c_str() : folder.c_str(), W_OK) == 0)
        return {};
    return Error::from_errno(fmt::format("cannot write {}", file));
}

int show(const CtlOptions& options, const TraceSummary& summary) {
    if (options.json)
        print_json(to_json(summary));
    else
        fmt::print("{}", to_text(summary));
    return kDone;
}

} // namespace

int trace(const CtlOptions& options, const TraceOptions& trace) {
    if (!trace.read.empty()) {
        const auto summary = summary_of(trace.read);
        return summary ? show(options, *summary) : complain(options, summary.error());
    }
    std::uint64_t lost = 0;
    Recorded recorded;
    {
        const auto signals = Signals::take();
        if (!signals)
            return complain(options, signals.error());
        auto instance = TraceInstance::create(trace.buffer_kib);
        if (!instance)
            return complain(options, instance.error());
        // Not after minutes of recording; but who may not record at all is told that.
        if (const Status status = check_output(trace.output); !status)
            return complain(options, status.error());
        const auto done = record(*instance, *signals, trace);
        if (!done)
            return complain(options, done.error());
        recorded = *done;
        lost = instance->lost();
        // It may take longer than the recording did: beside a load, the kernel makes the text.
        fmt::print(stderr, "rustlandctl: recorded, writing {}\n", trace.output);
        const auto written =
            instance->write_to(trace.output, [&] { return signals->interrupted(); });
        if (!written)
            return complain(options, written.error());
    }
    if (recorded.command_status.value_or(0) != 0)
        fmt::print(stderr, "rustlandctl: {} ended with status {}\n", trace.command.front(),
                   *recorded.command_status);
    auto summary = summary_of(trace.output);
    if (!summary)
        return complain(options, summary.error());
    summary->lost = std::max(summary->lost, lost);
    if (summary->lost > 0)
        fmt::print(stderr,
                   "rustlandctl: {} events found no room, the oldest are missing: take a larger "
                   "--buffer, or a shorter time\n",
                   summary->lost);
    fmt::print(stderr, "rustlandctl: {} can be opened with https://ui.perfetto.dev\n",
               trace.output);
    return show(options, *summary);
}

} // namespace rustland::supervisor
