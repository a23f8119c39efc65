// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/system/staged_runner.hpp"

#include "rustland/common/clock.hpp"
#include "rustland/common/file.hpp"
#include "supervisor/config/trust.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rustland::supervisor {
namespace {

constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGKILL};
// A scheduler that the kernel ejected gets this long to write its report and leave.
constexpr Nanos kEjectedGrace = seconds(1);
constexpr Nanos kFirstCheck = millis(2);
constexpr Nanos kLastCheck = millis(50);

// Of a start that was broken off before there was a process.
ExitInfo before_it_began() {
    ExitInfo exit;
    exit.kind = ExitKind::Requested;
    exit.reason = "stopped before it had begun";
    return exit;
}

} // namespace

Status check_program(const std::string& path) {
    struct stat st = {};
    if (::stat(path.c_str(), &st) != 0)
        return Error::from_errno(path);
    if (!S_ISREG(st.st_mode))
        return Error(path + ": is not a program");
    if (::access(path.c_str(), X_OK) != 0)
        return Error(path + ": is not executable, chmod +x it");
    const Status trusted = check_trusted(path);
    return trusted ? trusted : trusted.error().with(path);
}

Status StagedRunner::init() {
    auto check = loop_.timer([this] { this->check(); });
    auto deadline = loop_.timer([this] { this->deadline(); });
    auto later = loop_.timer([this] {
        if (const auto event = std::exchange(later_, std::nullopt))
            report(*event);
    });
    for (auto* timer : {&check, &deadline, &later})
        if (!*timer)
            return timer->error();
    check_timer_ = *std::move(check);
    deadline_timer_ = *std::move(deadline);
    later_timer_ = *std::move(later);
    return {};
}

void StagedRunner::configure(Nanos start_timeout, Nanos stop_timeout) {
    options_.start_timeout = start_timeout;
    options_.stop_timeout = stop_timeout;
}

void StagedRunner::start(const SchedulerSpec& spec, bool take_over) {
    record_ = {};
    record_.spec = spec;
    record_.backend = backend();
    take_over_ = take_over;
    stop_requested_ = false;
    give_up_.clear();
    const KernelState kernel = kernel_.read();
    if (!kernel.supported)
        return fail(fmt::format("this kernel has no sched_ext ({} is missing); boot one with "
                                "CONFIG_SCHED_CLASS_EXT",
                                kernel_.root()));
    // It does not come by itself.
    if (const Status status = check_program(spec.path); !status)
        return fail(fmt::format("{}; {}", status.error().message(), kMendProgram),
                    ExitKind::Misconfigured);
    if (!kernel.attached())
        return begin_launch();
    if (!take_over)
        return fail(fmt::format("the kernel already runs the scheduler {}", *kernel.ops));
    // SysRq-S does that whoever attached the other one.
    if (const Status status = evict(); !status)
        return fail(status.error().with("taking over").message());
    stage_ = Stage::Evicting;
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
    check_delay_ = kFirstCheck;
    check_later();
}

Status StagedRunner::evict() { return write_file(options_.sysrq_path, "S"); }

void StagedRunner::begin_launch() {
    seq_before_ = kernel_.read().enable_seq;
    await_attached();
    launch(record_.spec, take_over_);
}

void StagedRunner::requested(const std::string& unit) {
    record_.unit = unit;
    report(runner::Launched{record_});
}

// An ejected scheduler has left: nobody needs to be pressed, and what its unit does next (the step
// after its end, a restart) takes its time.
void StagedRunner::process_left() {
    if (stage_ == Stage::Ejected)
        deadline_timer_.disarm();
}

void StagedRunner::started_anew() {
    record_.process = {};
    record_.ops.clear();
    if (stage_ != Stage::Running && stage_ != Stage::Ejected)
        return;
    // It may be there already.
    seq_before_ = seq_attached_;
    await_attached();
}

void StagedRunner::await_attached() {
    stage_ = Stage::Starting;
    deadline_timer_.arm(monotonic_now() + options_.start_timeout);
    check_delay_ = kFirstCheck;
    check_later();
}

void StagedRunner::launched(const ProcessKey& process, const std::string& unit) {
    record_.process = process;
    record_.unit = unit;
    report(runner::Launched{record_});
    if (stage_ == Stage::Starting)
        check_timer_.arm(monotonic_now());
}

void StagedRunner::launch_failed(const std::string& reason, ExitKind kind) {
    no_process(reason, kind);
}

void StagedRunner::not_tried(const std::string& reason) { no_process(reason, ExitKind::NotTried); }

void StagedRunner::no_process(const std::string& reason, ExitKind kind) {
    if (stop_requested_) {
        check_timer_.disarm();
        deadline_timer_.disarm();
        stage_ = Stage::Idle;
        return report_later(runner::Stopped{before_it_began(), ""});
    }
    fail(give_up_.empty() ? reason : give_up_ + "; " + reason, kind);
}

Adopted StagedRunner::adopt(const RunRecord& record) {
    if (stage_ != Stage::Idle)
        return Adopted::No;
    const KernelState kernel = kernel_.read();
    const bool was_attached = !record.ops.empty();
    if ((was_attached && !kernel.attached()) || !take(record))
        return Adopted::No;
    record_ = record;
    stop_requested_ = false;
    give_up_.clear();
    if (was_attached) {
        seq_attached_ = kernel.enable_seq;
        stage_ = Stage::Running;
        return Adopted::Running;
    }
    // Its own attachment is not counted yet, unless it has got there while nobody was looking.
    const bool counted = kernel.attached() && kernel.state == "enabled" && kernel.enable_seq > 0;
    seq_before_ = kernel.enable_seq - (counted ? 1 : 0);
    await_attached();
    return Adopted::Starting;
}

void StagedRunner::check_later() {
    check_timer_.arm(monotonic_now() + check_delay_);
    check_delay_ = std::min(check_delay_ * 2, kLastCheck);
}

void StagedRunner::check() {
    const KernelState kernel = kernel_.read();
    switch (stage_) {
    case Stage::Evicting:
        if (!kernel.attached())
            return begin_launch();
        return check_later();
    case Stage::Starting:
        if (kernel.attached() && kernel.state == "enabled" && kernel.enable_seq > seq_before_ &&
            record_.process.pid.value > 0) {
            check_timer_.disarm();
            deadline_timer_.disarm();
            stage_ = Stage::Running;
            record_.ops = *kernel.ops;
            seq_attached_ = kernel.enable_seq;
            return report(runner::Attached{record_});
        }
        return check_later();
    case Stage::Running:
        // Ejected. The process writes its report and leaves; if it does not, it is made to.
        if (!kernel.attached()) {
            stage_ = Stage::Ejected;
            deadline_timer_.arm(monotonic_now() + kEjectedGrace);
        }
        return;
    case Stage::Detaching:
        if ((!kernel.attached() || kernel.enable_seq > seq_before_) && ending_->output)
            return finish(outcome(*ending_));
        return check_later();
    case Stage::Idle:
    case Stage::Ejected:
    case Stage::Stopping:
        return;
    }
}

void StagedRunner::stop() {
    stop_requested_ = true;
    if (stage_ == Stage::Idle || stage_ == Stage::Evicting) {
        check_timer_.disarm();
        deadline_timer_.disarm();
        stage_ = Stage::Idle;
        return report_later(runner::Stopped{before_it_began(), ""});
    }
    if (stage_ == Stage::Stopping || stage_ == Stage::Detaching)
        return;
    stage_ = Stage::Stopping;
    check_timer_.disarm();
    step_ = 0;
    signal_next();
}

void StagedRunner::signal_next() {
    const auto last = static_cast<int>(kSignals.size()) - 1;
    const int signal = kSignals[static_cast<std::size_t>(std::min(step_, last))];
    ++step_;
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
    send_signal(signal);
}

void StagedRunner::deadline() {
    switch (stage_) {
    case Stage::Evicting:
        return fail("the other scheduler did not leave the kernel");
    case Stage::Starting:
        give_up_ = fmt::format("not attached within {}", format_duration(options_.start_timeout));
        break;
    case Stage::Ejected:
        give_up_ = "the kernel ejected it, and its process did not end";
        break;
    case Stage::Stopping:
        return signal_next();
    case Stage::Detaching: {
        RunnerEvent event = outcome(*ending_);
        auto* stopped = std::get_if<runner::Stopped>(&event);
        const KernelState kernel = kernel_.read();
        if (stopped != nullptr && kernel.attached() && kernel.enable_seq <= seq_before_)
            stopped->problem = "its process is gone, but the kernel still shows a scheduler";
        return finish(event);
    }
    case Stage::Idle:
    case Stage::Running:
        return;
    }
    const bool starting = stage_ == Stage::Starting;
    stage_ = Stage::Stopping;
    check_timer_.disarm();
    give_up_kind_ = starting ? ExitKind::Failed : ExitKind::Ejected;
    step_ = 0;
    signal_next();
}

void StagedRunner::ended(const ProcessEnd& end) {
    if (stage_ == Stage::Idle || stage_ == Stage::Detaching)
        return;
    await_detached(end);
}

// The kernel takes some milliseconds to give the tasks back after its scheduler has died. Nothing
// is reported before: another start would be refused, and the dying one taken for a foreign one.
// What the process wrote is read meanwhile; where that takes too long, it is reported without.
void StagedRunner::await_detached(const ProcessEnd& end) {
    ending_ = Ending{end, stage_, std::nullopt};
    stage_ = Stage::Detaching;
    seq_before_ = kernel_.read().enable_seq;
    deadline_timer_.arm(monotonic_now() + options_.stop_timeout);
    check_delay_ = kFirstCheck;
    read_output([this](std::string output) {
        if (!ending_)
            return;
        ending_->output = std::move(output);
        check_timer_.arm(monotonic_now());
    });
    check();
}

RunnerEvent StagedRunner::outcome(const Ending& ending) const {
    const bool starting = ending.was == Stage::Starting;
    const bool requested = stop_requested_ && ending.was == Stage::Stopping;
    const Run run{.ours = has_control_socket(record_.spec.path),
                  .requested = requested,
                  .attached = !starting,
                  .killed = requested && step_ >= static_cast<int>(kSignals.size()),
                  .unit = record_.backend == "systemd"};
    ExitInfo exit = describe_exit(ending.end, run, ending.output.value_or(""));
    if (stop_requested_)
        return runner::Stopped{exit, ""};
    if (!give_up_.empty()) {
        exit.kind = give_up_kind_;
        exit.reason = give_up_ + "; " + exit.reason.str();
        return give_up_kind_ == ExitKind::Failed ? RunnerEvent(runner::StartFailed{exit})
                                                 : RunnerEvent(runner::Exited{exit});
    }
    if (starting) {
        // Not being attached is a failure, however politely it left.
        if (exit.kind == ExitKind::Outside) {
            exit.kind = ExitKind::Failed;
            exit.reason = "ended before it was attached: " + exit.reason.str();
        }
        return runner::StartFailed{exit};
    }
    if (ending.was == Stage::Ejected && exit.kind == ExitKind::Failed)
        exit.kind = ExitKind::Ejected;
    return runner::Exited{exit};
}

void StagedRunner::finish(const RunnerEvent& event) {
    stage_ = Stage::Idle;
    ending_.reset();
    check_timer_.disarm();
    deadline_timer_.disarm();
    report(event);
}

void StagedRunner::fail(const std::string& reason, ExitKind kind) {
    stage_ = Stage::Idle;
    check_timer_.disarm();
    deadline_timer_.disarm();
    ExitInfo exit;
    exit.kind = kind;
    exit.reason = reason;
    report_later(runner::StartFailed{exit});
}

void StagedRunner::report_later(RunnerEvent event) {
    later_ = std::move(event);
    later_timer_.arm(monotonic_now());
}

} // namespace rustland::supervisor
