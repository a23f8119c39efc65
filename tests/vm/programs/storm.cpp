// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hpp"
#include "support.hpp"

#include "rustland/common/clock.hpp"

#include <cerrno>
#include <cstdlib>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace rustland::vm {
namespace {

// A child of each kind in turn: one that ends at once, one that works, one that sleeps first.
[[noreturn]] void be_child(unsigned index, const StormOptions& options) {
    if (!options.exec.empty()) {
        ::execl(options.exec.c_str(), options.exec.c_str(), nullptr);
        std::_Exit(127);
    }
    if (index % 3 == 1)
        work(options.work);
    if (index % 3 == 2)
        sleep_for(micros(300));
    std::_Exit(7);
}

// Always a few alive at a time; the status says whether each one came back as it should.
[[noreturn]] void be_parent(const StormOptions& options) {
    constexpr unsigned kAlive = 8;
    unsigned created = 0;
    unsigned reaped = 0;
    while (reaped < options.children) {
        while (created < options.children && created - reaped < kAlive) {
            const pid_t child = ::fork();
            if (child < 0)
                die("fork", errno);
            if (child == 0)
                be_child(created, options);
            ++created;
        }
        int status = 0;
        if (::wait(&status) < 0)
            die("wait", errno);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != (options.exec.empty() ? 7 : 0))
            std::_Exit(1);
        ++reaped;
    }
    std::_Exit(0);
}

} // namespace

int storm(const StormOptions& options) {
    const Nanos started = monotonic_now();
    for (unsigned i = 0; i < options.parents; ++i) {
        const pid_t parent = ::fork();
        if (parent < 0)
            die("fork", errno);
        if (parent == 0)
            be_parent(options);
    }
    unsigned good = 0;
    for (unsigned i = 0; i < options.parents; ++i) {
        int status = 0;
        if (::wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
            ++good;
    }
    const Nanos took = monotonic_now() - started;
    fmt::print("parents={} good={} forks={} ms={}\n", options.parents, good,
               options.parents * options.children, took.value / 1'000'000);
    return good == options.parents ? 0 : 1;
}

} // namespace rustland::vm
