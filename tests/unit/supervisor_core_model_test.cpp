// SPDX-License-Identifier: GPL-2.0-only
// Random sequences of events against simple invariants.
#include "supervisor/core/decision_core.hpp"
#include "support/sample_config.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace rustland;
using namespace rustland::supervisor;
using test::is;
using test::kMain;
using test::kOther;

namespace {

// A machine with at most one scheduler on it. It does what the core decides, late and sometimes
// badly, and notices when the core asks for what cannot be.
class Machine {
  public:
    explicit Machine(unsigned seed)
        : rng_(seed), core_(config_, [this] { return uniform_(rng_); }) {}

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i)
            step();
        settle();
    }

  private:
    using Op = std::optional<SchedulerSpec>;
    int pick(int n) { return static_cast<int>(rng_() % static_cast<unsigned>(n)); }
    bool chance(int percent) { return pick(100) < percent; }

    void send(const Event& event, bool commanded = false) {
        const Decision d = core_.on(event, now_);
        if (const auto* start = std::get_if<Start>(&d)) {
            EXPECT_FALSE(running_ || starting_ || stopping_) << "two schedulers";
            EXPECT_TRUE(!foreign_ || start->take_over) << "fought a foreign scheduler";
            begin(start->spec, commanded);
        } else if (const auto* change = std::get_if<Switch>(&d)) {
            EXPECT_TRUE(running_ && !starting_ && !stopping_);
            running_.reset();
            begin(change->spec, commanded);
        } else if (is<Stop>(d)) {
            EXPECT_TRUE((running_ || starting_) && !stopping_);
            running_.reset();
            starting_.reset();
            stopping_ = true;
            due_ = now_ + millis(pick(3000));
        }
        const auto wake = core_.next_wakeup();
        EXPECT_TRUE(!wake || *wake > now_)
            << "a wake-up in the past would spin: " << core_.why(now_);
        EXPECT_FALSE(core_.why(now_).empty());
        EXPECT_FALSE(core_.phase() != Phase::Off && core_.why(now_) == kIdle)
            << "idle, and " << phase_name(core_.phase());
        EXPECT_FALSE(core_.why(now_) == kIdle && (active_.count("game") || active_.count("big")))
            << "no game, and one that runs";
    }

    void begin(const SchedulerSpec& spec, bool commanded) {
        EXPECT_FALSE(core_.failures().quarantined(spec)) << "started from quarantine";
        EXPECT_FALSE(asleep_) << "started while asleep";
        if (!commanded) {
            starts_.push_back(now_);
            const Rate limit = config_->settings.switch_limit;
            const auto recent = std::count_if(starts_.begin(), starts_.end(),
                                              [&](Nanos t) { return t > now_ - limit.window; });
            EXPECT_LE(recent, limit.count) << "flaps";
        }
        starting_ = spec;
        due_ = now_ + millis(pick(4000));
    }

    // Lets time pass to `until`, with everything that becomes due on the way.
    void advance(Nanos until) {
        for (int guard = 0; guard < 10000; ++guard) {
            Nanos next = until;
            const bool busy = starting_ || stopping_;
            if (busy && due_ < next)
                next = due_;
            const auto wake = core_.next_wakeup();
            if (wake && *wake < next)
                next = *wake;
            now_ = std::max(now_, next);
            if (busy && now_ >= due_)
                finish();
            else if (wake && now_ >= *wake)
                send(event::Tick{});
            else
                return;
        }
        ADD_FAILURE() << "spins: " << core_.why(now_);
    }

    void finish() {
        if (stopping_) {
            stopping_ = false;
            send(event::Stopped{}, std::exchange(start_waits_, false));
            return;
        }
        const SchedulerSpec spec = *std::exchange(starting_, std::nullopt);
        if (healthy_ || !chance(30)) {
            running_ = spec;
            foreign_ = false;
            send(event::Attached{spec, {}, false, {}}, std::exchange(start_waits_, false));
        } else {
            send(event::StartFailed{spec, {ExitKind::Failed, 1, 0, "broken", ""}},
                 std::exchange(start_waits_, false));
        }
    }

    void step() {
        advance(now_ + millis(pick(chance(10) ? 120'000 : 4'000)));
        const std::string rule = rules_[static_cast<std::size_t>(pick(3))];
        switch (pick(14)) {
        case 0:
        case 1:
        case 2:
            if (active_.insert(rule).second)
                send(event::WorkloadStarted{rule});
            else
                send(event::WorkloadJoined{rule});
            break;
        case 3:
        case 4:
        case 5:
            if (active_.erase(rule) > 0)
                send(event::WorkloadEnded{rule});
            break;
        case 6:
            holds_.push_back(++next_hold_);
            send(event::HoldAdded{next_hold_, chance(50) ? Op(kOther) : Op(), "test"});
            break;
        case 7:
            if (!holds_.empty()) {
                const std::uint64_t id = holds_.back();
                holds_.pop_back();
                send(event::HoldReleased{id});
            }
            break;
        case 8:
            if (running_ && chance(60)) {
                running_.reset();
                constexpr ExitKind kinds[] = {ExitKind::Crashed, ExitKind::Stalled,
                                              ExitKind::Restart, ExitKind::Outside};
                send(event::Exited{{kinds[pick(4)], 0, 9, "died", ""}});
            }
            break;
        case 9:
            battery_ = !battery_;
            send(event::PowerChanged{{battery_, ""}});
            break;
        case 10:
            asleep_ = !asleep_;
            send(event::SleepChanged{asleep_});
            break;
        case 11:
            command();
            break;
        case 12:
            if (!running_ && !starting_ && !stopping_) {
                foreign_ = !foreign_;
                send(event::ForeignScheduler{
                    foreign_ ? std::optional<CleanLine>("scx_x") : std::nullopt, {}});
            }
            break;
        default:
            if (chance(20))
                send(event::ConfigReplaced{test::sample_config()});
            break;
        }
    }

    void command() {
        switch (pick(5)) {
        case 4:
            send(event::Resumed{}, true);
            break;
        case 0:
            // One that comes during a stop or another start is answered after it.
            start_waits_ = stopping_ || starting_;
            send(event::StartRequested{chance(50) ? Op(kOther) : Op(), chance(30)}, true);
            break;
        case 1:
            send(event::StopRequested{}, true);
            break;
        case 2:
            send(event::RestartRequested{}, true);
            break;
        default:
            send(event::FailuresReset{});
            break;
        }
    }

    // With nothing left to run for, it must go off in the linger, the dwell and what a stop takes;
    // with a workload and no obstacle, it must come on.
    void settle() {
        healthy_ = true;
        for (const std::string& rule : rules_)
            if (active_.erase(rule) > 0)
                send(event::WorkloadEnded{rule});
        for (const std::uint64_t id : holds_)
            send(event::HoldReleased{id});
        if (asleep_)
            send(event::SleepChanged{asleep_ = false});
        if (std::exchange(foreign_, false))
            send(event::ForeignScheduler{});
        send(event::StopRequested{}, true);
        advance(now_ + seconds(40));
        EXPECT_FALSE(running_ || starting_ || stopping_) << "still on: " << core_.why(now_);
        EXPECT_EQ(core_.phase(), Phase::Off);
        EXPECT_FALSE(core_.next_wakeup()) << "wakes for nothing";
        send(event::Resumed{}, true);
        send(event::FailuresReset{});
        send(event::WorkloadStarted{"game"});
        advance(now_ + seconds(200));
        EXPECT_TRUE(running_ == kMain) << "not on: " << core_.why(now_);
    }

    std::mt19937 rng_;
    std::uniform_real_distribution<double> uniform_{0.0, 1.0};
    std::shared_ptr<Config> config_ = test::sample_config();
    DecisionCore core_;
    Nanos now_ = seconds(1000);
    Nanos due_;
    Op running_;
    Op starting_;
    bool stopping_ = false;
    bool start_waits_ = false;
    bool foreign_ = false;
    bool asleep_ = false;
    bool battery_ = false;
    bool healthy_ = false;
    std::vector<Nanos> starts_;
    std::set<std::string> active_;
    std::vector<std::uint64_t> holds_;
    std::uint64_t next_hold_ = 0;
    std::vector<std::string> rules_{"game", "big", "ac"};
};

} // namespace

TEST(CoreModel, ThousandsOfRandomSequencesKeepTheInvariants) {
    for (unsigned seed = 1; seed <= 3000; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        Machine(seed).run(60);
        if (HasFailure())
            return;
    }
}
