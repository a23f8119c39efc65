// SPDX-License-Identifier: GPL-2.0-only
// What each event changes in the decision core. What follows from it is in decision_core.cpp.
#include "supervisor/core/decision_core.hpp"

#include <algorithm>
#include <utility>

namespace rustland::supervisor {
namespace {

// Doubled each time in a row, up to the longest.
constexpr Nanos kNotTriedDelay = seconds(2);
constexpr Nanos kLongestNotTriedDelay = seconds(10);

} // namespace

void DecisionCore::take(const event::WorkloadStarted& e, Nanos now) {
    const Rule* rule = config_->find_rule(e.rule);
    if (rule == nullptr)
        return;
    const auto [it, inserted] = sessions_.try_emplace(e.rule);
    Session& session = it->second;
    // A rule that comes back within its linger time goes on with its session.
    const bool expired = !session.active && session.ended + linger_of(*rule) <= now;
    if (inserted || expired)
        session.began = now;
    session.active = true;
    a_game_began(*rule);
}

void DecisionCore::take(const event::WorkloadEnded& e, Nanos now) {
    const auto it = sessions_.find(e.rule);
    if (it == sessions_.end() || !it->second.active)
        return;
    it->second.active = false;
    it->second.ended = now;
}

void DecisionCore::take(const event::WorkloadJoined& e, Nanos) {
    if (const Rule* rule = config_->find_rule(e.rule))
        a_game_began(*rule);
}

void DecisionCore::take(const event::HoldAdded& e, Nanos) {
    holds_[e.id] = {e.spec, e.reason};
    if (e.by_administrator || stopped_ == Stopped::UntilNextGame)
        stopped_ = Stopped::No;
}

void DecisionCore::take(const event::HoldReleased& e, Nanos) { holds_.erase(e.id); }

void DecisionCore::take(const event::ConfigReplaced& e, Nanos) {
    config_ = e.config;
    forget_failures();
    // A workload whose rule is gone ends without lingering; the matcher tells us of the others.
    std::erase_if(sessions_, [&](const auto& s) { return !config_->find_rule(s.first); });
}

void DecisionCore::take(const event::PowerChanged& e, Nanos) { power_ = e.state; }

void DecisionCore::take(const event::SleepChanged& e, Nanos) { asleep_ = e.asleep; }

void DecisionCore::take(const event::StartRequested& e, Nanos) {
    if (refusal(e))
        return;
    if (manual_ && manual_proven_)
        manual_before_ = manual_;
    manual_ = e.spec.value_or(config_->settings.scheduler);
    manual_proven_ = phase_ == Phase::On && current_ == manual_;
    stopped_ = Stopped::No;
    take_over_ = e.take_over;
    commanded_ = true;
}

void DecisionCore::take(const event::StopRequested& e, Nanos) {
    manual_.reset();
    manual_before_.reset();
    // The first of several counts: since then it has been off.
    if (stopped_ != Stopped::ByCommand || !order_)
        order_ = e.order;
    stopped_ = Stopped::ByCommand;
    commanded_ = phase_ != Phase::Stopping;
}

void DecisionCore::take(const event::Resumed&, Nanos) {
    stopped_ = Stopped::No;
    forget_failures();
}

void DecisionCore::take(const event::RestartRequested&, Nanos) {
    restart_ = phase_ == Phase::On;
    commanded_ = restart_;
}

void DecisionCore::take(const event::FailuresReset&, Nanos) { forget_failures(); }

void DecisionCore::take(const event::Attached& e, Nanos now) {
    phase_ = e.starting ? Phase::Starting : Phase::On;
    current_ = e.spec;
    attached_at_ = e.since.value > 0 ? e.since : now;
    foreign_ = {};
    not_tried_ = 0;
    if (e.by_command)
        manual_ = e.spec;
    for (const event::HoldAdded& hold : e.holds)
        holds_[hold.id] = {hold.spec, hold.reason};
    manual_proven_ = manual_proven_ || (phase_ == Phase::On && current_ == manual_);
}

void DecisionCore::take(const event::StartFailed& e, Nanos now) {
    went_off();
    // What was not tried does not count against the limit of starts either.
    if (e.exit.kind == ExitKind::NotTried && !starts_.empty())
        starts_.pop_back();
    // A person who was told that the start failed does not expect it to succeed later.
    if (manual_ == e.spec && !manual_proven_) {
        // What he had on before he had asked for.
        manual_ = std::exchange(manual_before_, std::nullopt);
        manual_proven_ = manual_.has_value();
        commanded_ = false;
    }
    note_exit(e.spec, e.exit, {}, now);
}

void DecisionCore::take(const event::Exited& e, Nanos now) {
    const Nanos uptime = phase_ == Phase::On ? now - attached_at_ : Nanos{};
    const std::optional<SchedulerSpec> spec = current_;
    const bool stopping = phase_ == Phase::Stopping;
    went_off();
    if (spec && !stopping)
        note_exit(*spec, e.exit, uptime, now);
}

void DecisionCore::take(const event::Stopped&, Nanos) { went_off(); }

void DecisionCore::take(const event::ForeignScheduler& e, Nanos) {
    foreign_ = who_runs(e.ops, false, e.owner);
}

void DecisionCore::take(const event::KernelSupport& e, Nanos) { supported_ = e.supported; }

void DecisionCore::take(const event::Tick&, Nanos) {}

// Whoever starts a game wants the scheduler for it, also where the last one has just ended and its
// session goes on. A quarantine stays: a name that anybody may give a program must not lift it.
void DecisionCore::a_game_began(const Rule& rule) {
    if (stopped_ == Stopped::UntilNextGame && !unmet_condition(rule))
        stopped_ = Stopped::No;
}

void DecisionCore::forget_failures() {
    failures_.reset();
    retry_start_at_ = {};
    not_tried_ = 0;
}

void DecisionCore::went_off() {
    phase_ = Phase::Off;
    current_.reset();
}

void DecisionCore::note_exit(const SchedulerSpec& spec, const ExitInfo& exit, Nanos uptime,
                             Nanos now) {
    switch (exit.kind) {
    case ExitKind::Requested:
    case ExitKind::Restart:
        return;
    case ExitKind::NotTried:
        // No failure of the scheduler: it is not held against it, only tried again a moment later.
        retry_start_at_ = now + std::min(kNotTriedDelay * (1 << std::min(not_tried_++, 3)),
                                         kLongestNotTriedDelay);
        why_not_tried_ = exit.reason;
        return;
    case ExitKind::Outside:
        // Whoever took it out of the kernel meant it.
        manual_.reset();
        manual_before_.reset();
        if (stopped_ == Stopped::No)
            stopped_ = Stopped::UntilNextGame;
        return;
    case ExitKind::Failed:
    case ExitKind::Crashed:
    case ExitKind::Stalled:
    case ExitKind::Ejected:
        failures_.failed(spec, exit.reason, uptime, config_->settings, now);
        break;
    case ExitKind::Misconfigured:
        failures_.give_up(spec, exit.reason, now);
        break;
    }
    // A person's start that fails for good must not come back by itself much later.
    if (manual_ && failures_.quarantined(*manual_))
        manual_.reset();
}

} // namespace rustland::supervisor
