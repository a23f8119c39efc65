// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/ctl/held_command.hpp"

#include "supervisor/ctl/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace rustland::supervisor {

using nlohmann::json;

namespace {

using namespace std::chrono_literals;

// A daemon that is started anew is back within a second; one that somebody switched off may come in
// an hour, and nobody is to notice that it is waited for.
constexpr std::chrono::seconds kFirstWait = 1s;
constexpr std::chrono::seconds kLongestWait = 10s;

// What became of asking for the hold.
struct Attempt {
    std::unique_ptr<Connection> connection; // lasts as long as the hold
    std::string problem;                    // empty: it is held
    bool no_daemon = false;                 // nobody was there to answer
};

bool nobody_answered(const Error& error) {
    constexpr std::array codes{ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT};
    return std::find(codes.begin(), codes.end(), error.code()) != codes.end();
}

Attempt ask_for_hold(const CtlOptions& options, const json& request) {
    auto reached = reach_daemon(options, request);
    if (!reached)
        return {nullptr, reached.error().message(), nobody_answered(reached.error())};
    Attempt attempt{std::move(reached->connection), "", false};
    if (const auto answer = attempt.connection->ask(request); !answer) {
        attempt.problem = answer.error().message();
        // A daemon that has just come up listens on its socket before it is on the bus.
        attempt.no_daemon = nobody_answered(answer.error()) || reached->around_the_bus;
    }
    return attempt;
}

// Until the daemon has ended, and with it what it knew of the hold.
void await_end(const Connection& connection) {
    pollfd end{connection.end_fd(), POLLIN | POLLRDHUP, 0};
    while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
    }
}

// Runs beside the command, and ends with it.
void keep_held(const CtlOptions& options, const json& request, Attempt attempt) {
    for (;;) {
        if (attempt.connection != nullptr && !attempt.no_daemon)
            await_end(*attempt.connection);
        // What was refused is not asked for again.
        if (!attempt.problem.empty() && !attempt.no_daemon)
            return;
        std::chrono::seconds wait = kFirstWait;
        do {
            attempt = {};
            std::this_thread::sleep_for(wait);
            wait = std::min(2 * wait, kLongestWait);
            attempt = ask_for_hold(options, request);
        } while (attempt.no_daemon);
    }
}

// Who stops "rustlandctl run" means the command. What a terminal sends goes to both by itself.
constexpr std::array kHandedOn{SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
volatile std::sig_atomic_t held_child = 0; // for the handler below; set before a signal can come

void hand_on(int signal, siginfo_t* info, void*) {
    const int before = errno;
    if (info->si_code != SI_KERNEL)
        ::kill(held_child, signal);
    errno = before;
}

// From here on, until hand_to(), no such signal is heard: there is nobody to hand it to yet.
class SignalsForTheCommand {
  public:
    SignalsForTheCommand() {
        ::sigemptyset(&all_);
        for (const int signal : kHandedOn)
            ::sigaddset(&all_, signal);
        ::pthread_sigmask(SIG_BLOCK, &all_, &before_);
    }
    // In the command's process.
    void give_back() const { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    void hand_to(pid_t child) const {
        held_child = child;
        struct sigaction action = {};
        action.sa_sigaction = hand_on;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        for (const int signal : kHandedOn) {
            struct sigaction old = {};
            // What was ignored, by nohup for instance, stays so.
            if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN)
                ::sigaction(signal, &action, nullptr);
        }
        give_back();
    }

  private:
    sigset_t all_{};
    sigset_t before_{};
};

[[noreturn]] void become(const std::vector<std::string>& command) {
    std::vector<char*> argv;
    for (const std::string& word : command)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    const Error error = Error::from_errno(command.front());
    if (error.code() == ENOENT && command.front().find('/') == std::string::npos)
        fmt::print(stderr, "rustlandctl: {}: command not found\n", command.front());
    else
        fmt::print(stderr, "rustlandctl: {}\n", error.message());
    ::_exit(error.code() == ENOENT ? 127 : 126);
}

int exit_code_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

int run_held(const CtlOptions& options, const StartOptions& start, const std::string& reason,
             const std::vector<std::string>& command) {
    // The hold is for this process, which becomes the command's parent: its children are known by
    // it, and the hold ends with the connection however we end.
    json request = start_request(start, "hold");
    request["reason"] = reason.empty() ? command.front() : reason;
    request["pid"] = ::getpid();
    Attempt attempt = ask_for_hold(options, request);
    if (!attempt.problem.empty())
        // The command matters more than its scheduler.
        fmt::print(stderr, "rustlandctl: {}; running the command all the same{}\n", attempt.problem,
                   attempt.no_daemon ? ", and the scheduler comes on for it once that is possible"
                                     : "");
    // Also of those that end us: we wait for what the command makes of them.
    const SignalsForTheCommand signals;
    const pid_t child = ::fork();
    if (child < 0)
        return complain(options, Error::from_errno("fork"), kFailed);
    if (child == 0) {
        signals.give_back();
        become(command);
    }
    signals.hand_to(child);
    std::thread(keep_held, options, request, std::move(attempt)).detach();
    const int code = exit_code_of(child);
    // Not by way of main(): the thread may be waiting for an answer, and uses what main() would
    // take down.
    std::fflush(nullptr);
    ::_exit(code);
}

} // namespace rustland::supervisor
