// SPDX-License-Identifier: GPL-2.0-only
#include "hostile.hpp"

#include <cerrno>
#include <climits>
#include <csignal>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>

namespace rustland::vm {
namespace {

using Dice = std::minstd_rand;

constexpr uid_t kNobody = 65534;
// A user has subordinate ones.
constexpr uid_t kFurtherUsers = 5;
constexpr std::size_t kMostHeld = 200;
// Nobody outlives a test that hangs.
constexpr unsigned kLongestSeconds = 600;

void pause_for(Nanos span) {
    const timespec time{span.value / 1'000'000'000, span.value % 1'000'000'000};
    ::nanosleep(&time, nullptr);
}

bool write_to(const UniqueFd& socket, const std::string& text) {
    return ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
}

std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

// As many idle connections as there are to be had, again and again.
void fill(const Target& target, Dice& /*dice*/) {
    std::deque<UniqueFd> held;
    for (;;) {
        UniqueFd socket = connect_to(target.path, seconds(1));
        if (socket)
            held.push_back(std::move(socket));
        else
            pause_for(millis(50));
        if (held.size() > kMostHeld)
            held.clear();
    }
}

// Requests without reading an answer.
void flood(const Target& target, Dice& /*dice*/) {
    const std::string many = repeated(target.question, 200);
    for (;;) {
        const UniqueFd socket = connect_to(target.path, seconds(1));
        while (socket && write_to(socket, many))
            ;
        if (!socket)
            pause_for(millis(5));
    }
}

// Bytes, half lines, depth, length, requests that are not its own to make.
void rubbish(const Target& target, Dice& dice) {
    for (;;) {
        const UniqueFd socket = connect_to(target.path, millis(200));
        if (!socket) {
            pause_for(millis(5));
            continue;
        }
        for (auto left = 1 + dice() % 5; left > 0; --left)
            if (!write_to(socket, target.pieces[dice() % target.pieces.size()]))
                break;
        char buffer[4096];
        if (dice() % 2 == 0)
            static_cast<void>(!::recv(socket.get(), buffer, sizeof(buffer), 0));
    }
}

// Connections that end as soon as they are there.
void come_and_go(const Target& target, Dice& /*dice*/) {
    for (;;) {
        connect_to(target.path, seconds(1)).reset();
        pause_for(millis(1));
    }
}

// Processes of a workload with names of any bytes, at most a hundred a second.
[[noreturn]] void rename_all(const std::vector<std::string>& programs, Dice& dice) {
    for (;;) {
        const pid_t child = ::fork();
        if (child == 0) {
            const std::string& program = programs[dice() % programs.size()];
            ::execl(program.c_str(), "hostile-\n<0>x", kNapOption, static_cast<char*>(nullptr));
            ::_exit(1);
        }
        if (child > 0)
            ::waitpid(child, nullptr, 0);
        pause_for(millis(10));
    }
}

// A child that is another user and ends with its parent.
template <typename Body> pid_t start_as(uid_t user, unsigned seed, const Body& body) {
    const pid_t child = ::fork();
    if (child != 0)
        return child;
    const bool dropped = ::setresgid(user, user, user) == 0 && ::setresuid(user, user, user) == 0;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(kLongestSeconds);
    Dice dice(seed);
    if (dropped)
        body(dice);
    ::_exit(1);
}

// This program under names that are no text, or that would be more than text to who prints them.
std::vector<std::string> odd_programs(const std::string& folder) {
    std::vector<std::string> files;
    char self[PATH_MAX] = {};
    if (folder.empty() || ::readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return files;
    for (const char* name : {"\n<0>PANIC", "\x1b[2J\x07", "\xff\xfe\xc3", "%s%n{}{0}",
                             "\xe2\x80\xae"
                             "evil"}) {
        const std::string file = folder + "/" + name;
        if (::symlink(self, file.c_str()) == 0 || errno == EEXIST)
            files.push_back(file);
    }
    return files;
}

const std::vector<std::string>& odd_lines() {
    static const std::vector<std::string> lines{std::string("\0\xff\xfe\n", 4),
                                                std::string(5000, '[') + "\n",
                                                std::string(100'000, 'x'),
                                                R"({"request":"stop"})"
                                                "\n",
                                                "{}\n",
                                                R"({"request")"};
    return lines;
}

std::vector<std::string> with_odd_lines(std::vector<std::string> pieces) {
    pieces.insert(pieces.end(), odd_lines().begin(), odd_lines().end());
    return pieces;
}

} // namespace

Target control_socket(const std::string& path) {
    return {"rustlandd", path,
            R"({"request":"status"})"
            "\n",
            R"("ok":true)",
            with_odd_lines({R"({"request":"start","scheduler":"/bin/sh"})"
                            "\n",
                            R"({"request":"hold","reason":"a\nb"})"
                            "\n",
                            R"({"request":"explain","pid":1})"
                            "\n",
                            R"({"request":"release","cookie":1e400})"
                            "\n",
                            R"({"request":"monitor"})"
                            "\n",
                            R"({"request":"explain","pid":-1})"
                            "\n"
                            R"({"request")",
                            R"({"request":"history"})"
                            "\n"})};
}

Target scheduler_socket(const std::string& path) {
    return {"rustland", path,
            R"({"request":"stats"})"
            "\n",
            R"("stats":)",
            with_odd_lines({R"({"request":"classes","foreground":[1],"background":[]})"
                            "\n",
                            R"({"request":"classes","foreground":[1e400]})"
                            "\n",
                            R"({"request":"subscribe","interval":0.01})"
                            "\n",
                            R"({"request":"subscribe","interval":-1})"
                            "\n"
                            R"({"request":"subscribe")"})};
}

std::vector<pid_t> start_hostile(const std::vector<Target>& targets, const std::string& programs) {
    std::vector<pid_t> children;
    unsigned seed = 0;
    for (const Target& target : targets) {
        for (auto* what : {fill, flood, rubbish, rubbish, come_and_go})
            children.push_back(start_as(kNobody, ++seed, [&](Dice& dice) { what(target, dice); }));
        for (uid_t n = 1; n <= kFurtherUsers; ++n)
            children.push_back(
                start_as(kNobody - n, ++seed, [&](Dice& dice) { fill(target, dice); }));
    }
    if (const std::vector<std::string> files = odd_programs(programs); !files.empty())
        children.push_back(start_as(kNobody, ++seed, [&](Dice& dice) { rename_all(files, dice); }));
    return children;
}

void nap() { pause_for(millis(50)); }

void end_hostile(const std::vector<pid_t>& children) {
    for (const pid_t child : children)
        ::kill(child, SIGKILL);
    for (const pid_t child : children)
        ::waitpid(child, nullptr, 0);
}

} // namespace rustland::vm
