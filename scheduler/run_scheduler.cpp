// SPDX-License-Identifier: GPL-2.0-only
#include "run_scheduler.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/log.hpp"
#include "rustland/common/unique_fd.hpp"
#include "session.hpp"

#include <csignal>
#include <sys/signalfd.h>

namespace rustland {
namespace {

constexpr std::size_t kMostRestarts = 5; // in kRestartSpan
constexpr Nanos kRestartSpan = seconds(60);

// SIGINT and SIGTERM come through a descriptor; SIGHUP, of a terminal that closes, ends nothing.
Result<UniqueFd> take_signals() {
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t wanted{};
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGINT);
    ::sigaddset(&wanted, SIGTERM);
    if (::sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0)
        return Error::from_errno("blocking signals");
    UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd)
        return Error::from_errno("signalfd");
    return fd;
}

} // namespace

ExitCode run_scheduler(const Options& options, const PolicyFactory& factory,
                       const Program& program) {
    const auto signals = take_signals();
    if (!signals) {
        log::error("{}", signals.error().message());
        return ExitCode::Failure;
    }
    set_libbpf_verbosity(options.verbose);
    RestartLimit limit(kMostRestarts, kRestartSpan);
    for (;;) {
        const Session::Outcome outcome = Session(options, factory, program, signals->get()).run();
        if (!outcome.restart)
            return outcome.code;
        if (!limit.allow(monotonic_now())) {
            log::error("{} restarts within {} s: giving up", kMostRestarts,
                       kRestartSpan.value / 1'000'000'000);
            return outcome.code;
        }
        log::info("starting anew");
    }
}

} // namespace rustland
