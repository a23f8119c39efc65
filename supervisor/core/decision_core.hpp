// SPDX-License-Identifier: GPL-2.0-only
// When a scheduler runs, and which. Pure: events and the time come in, one decision comes out.
//
//             Start                Attached
//      Off ----------> Starting ------------> On
//       ^  <----------/     ^                 |  |
//       |   StartFailed     |     Switch      |  |
//       |                   +-----------------+  | Stop
//       |      Stopped                           v
//       +----------------------------------- Stopping
//
// Exited leads from any phase to Off. While a start, a switch or a stop is under way nothing else
// is decided, except that a start is broken off before the machine sleeps or on a person's command.
#pragma once

#include "supervisor/core/event.hpp"
#include "supervisor/core/failures.hpp"
#include "supervisor/core/reason.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rustland::supervisor {

enum class Phase { Off, Starting, On, Stopping };
const char* phase_name(Phase phase);

// Why nothing is on where nothing is to be.
inline constexpr const char* kIdle = "no game runs; it comes on by itself when one begins";

class DecisionCore {
  public:
    // `random` returns a number in [0, 1); it spreads restarts.
    DecisionCore(std::shared_ptr<const Config> config, std::function<double()> random);

    // Takes one event in and says what to do. The caller carries the decision out and reports what
    // became of it by Attached, StartFailed, Stopped or Exited.
    Decision on(const Event& event, Nanos now);

    // Takes one event in without deciding: what is to be known before the first decision.
    void learn(const Event& event, Nanos now);

    // When to call on(Tick) at the latest, as far as the core knows; nothing: no need.
    [[nodiscard]] std::optional<Nanos> next_wakeup() const { return wakeup_; }

    [[nodiscard]] Phase phase() const { return phase_; }
    // The scheduler that is starting, on or stopping.
    [[nodiscard]] const std::optional<SchedulerSpec>& current() const { return current_; }
    [[nodiscard]] std::optional<Nanos> on_since() const;
    // Why it is as it is, for people: "no game runs …", "waiting after a failure …; 3.0s to go" …
    [[nodiscard]] std::string why(Nanos now) const { return why_.text(now); }
    // The same without what is still to go, for what is not asked for again.
    [[nodiscard]] std::string lasting_why() const { return why_.lasting(); }
    [[nodiscard]] const FailureBook& failures() const { return failures_; }
    // Who runs what is not ours; Nobody where nothing is.
    [[nodiscard]] const WhoRuns& foreign() const { return foreign_; }
    // Why a workload of this rule does not turn the scheduler on now, or nothing. status, list and
    // explain say it in these words.
    [[nodiscard]] std::optional<std::string> why_not_now(const Rule& rule) const;
    // Why what is wanted could not even be tried, while it waits to be tried again; else empty.
    [[nodiscard]] CleanLine could_not_try() const;
    // Whose command keeps the scheduler off; nothing where none does.
    [[nodiscard]] std::optional<StopOrder> stop_order() const;
    // Somebody took it out of the kernel without a command, and no game has begun since.
    [[nodiscard]] bool stopped_from_outside() const { return stopped_ == Stopped::UntilNextGame; }
    // A person started what is on, so that it stays without a workload.
    [[nodiscard]] bool commanded_on() const { return manual_ && current_ == manual_; }

    // Why a person's start of `spec` would be refused at once, or nothing.
    [[nodiscard]] std::optional<std::string> refusal(const event::StartRequested& request) const;

    struct HoldView {
        std::uint64_t id = 0;
        CleanLine reason;
    };
    [[nodiscard]] std::vector<HoldView> holds() const;

  private:
    // Why nothing runs although something is wanted. What an administrator has stopped, an ordinary
    // user's program must not start again; where somebody took a scheduler out of the kernel, a new
    // workload may.
    enum class Stopped { No, UntilNextGame, ByCommand };
    struct Session {
        bool active = false;
        Nanos began;
        Nanos ended;
    };
    struct Hold {
        std::optional<SchedulerSpec> spec;
        CleanLine reason;
    };
    // What somebody wants to run. The greater one wins: rank, then priority, then the earlier.
    struct Candidate {
        SchedulerSpec spec;
        int rank = 0;
        int priority = 0;
        Nanos began;
        Reason why;
    };

    void take(const event::WorkloadStarted& e, Nanos now);
    void take(const event::WorkloadEnded& e, Nanos now);
    void take(const event::WorkloadJoined& e, Nanos now);
    void take(const event::HoldAdded& e, Nanos now);
    void take(const event::HoldReleased& e, Nanos now);
    void take(const event::ConfigReplaced& e, Nanos now);
    void take(const event::PowerChanged& e, Nanos now);
    void take(const event::SleepChanged& e, Nanos now);
    void take(const event::StartRequested& e, Nanos now);
    void take(const event::StopRequested& e, Nanos now);
    void take(const event::Resumed& e, Nanos now);
    void take(const event::RestartRequested& e, Nanos now);
    void take(const event::FailuresReset& e, Nanos now);
    void take(const event::Attached& e, Nanos now);
    void take(const event::StartFailed& e, Nanos now);
    void take(const event::Exited& e, Nanos now);
    void take(const event::Stopped& e, Nanos now);
    void take(const event::ForeignScheduler& e, Nanos now);
    void take(const event::KernelSupport& e, Nanos now);
    void take(const event::Tick& e, Nanos now);

    Decision decide(Nanos now);
    Decision decide_off(const std::optional<Candidate>& target, Nanos now);
    Decision decide_on(const std::optional<Candidate>& target, Nanos now);
    std::optional<Candidate> choose(Nanos now);
    void consider_sessions(std::vector<Candidate>& all, Nanos now);
    [[nodiscard]] Nanos linger_of(const Rule& rule) const;
    [[nodiscard]] bool foreign_stands() const { return foreign_.by != WhoRuns::By::Nobody; }
    [[nodiscard]] std::string left_alone() const;
    // What a rule asks for that is not so now; nothing where all is.
    [[nodiscard]] std::optional<std::string> unmet_condition(const Rule& rule) const;
    // What keeps this scheduler from being started whoever wants it; nothing where nothing does.
    [[nodiscard]] std::optional<std::string> obstacle(const SchedulerSpec& spec) const;
    [[nodiscard]] std::string why_nobody_wants_it() const;
    void say_how_the_change_goes(const std::optional<Candidate>& target);
    [[nodiscard]] bool forced_off() const;
    [[nodiscard]] std::string why_forced_off() const;
    // Whether its failures or the rate of starts forbid to start it now; a command overrides both.
    // Then why_ is the one text, with the reason of the failure, or the other.
    bool must_wait(const SchedulerSpec& spec, Nanos now, const char* failed, const char* too_many);
    void begin(const Candidate& target, Nanos now);
    // When one more start keeps within the limit; nothing: now.
    std::optional<Nanos> limited_until(Nanos now);
    void wake_at(Nanos when);
    void forget_failures();
    void a_game_began(const Rule& rule);
    void went_off();
    void note_exit(const SchedulerSpec& spec, const ExitInfo& exit, Nanos uptime, Nanos now);

    std::shared_ptr<const Config> config_;
    FailureBook failures_;
    Phase phase_ = Phase::Off;
    std::optional<SchedulerSpec> current_;
    Nanos attached_at_;
    std::map<std::string, Session> sessions_; // by rule
    std::map<std::uint64_t, Hold> holds_;
    std::optional<SchedulerSpec> manual_;
    bool manual_proven_ = false; // the scheduler that a person started was attached at least once
    std::optional<SchedulerSpec> manual_before_; // proven, and comes back if manual_ never is
    Stopped stopped_ = Stopped::No;
    std::optional<StopOrder> order_; // of the last stop by command
    bool take_over_ = false;
    bool restart_ = false;   // a person wants it started anew
    bool commanded_ = false; // the decision now made answers a person: no dwell, no rate limit
    bool asleep_ = false;
    PowerState power_;
    WhoRuns foreign_;
    bool supported_ = true;    // the kernel has sched_ext
    Nanos retry_start_at_;     // nothing is started before
    int not_tried_ = 0;        // how often in a row a start could not even be tried
    CleanLine why_not_tried_;  // the last time
    std::deque<Nanos> starts_; // starts and switches within the limit's window
    std::optional<Nanos> wakeup_;
    Reason why_{kIdle};
};

} // namespace rustland::supervisor
