// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/decision_core.hpp"
#include "supervisor/core/workloads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

const SchedulerSpec kMain{"/usr/sbin/rustland", {}};
const SchedulerSpec kOther{"/opt/other", {"-x"}};

std::shared_ptr<Config> sample() {
    const BuiltConfig built =
        build_config({parse_ini("[supervisor]\nlinger = 10s\nmin_dwell = 5s\n"
                                "switch_limit = 4/1min\nrestart_initial = 1s\nrestart_jitter = 0\n"
                                "restart_max = 8s\ncrash_limit = 3/10min\nhealthy_time = 2min\n"
                                "[workload game]\ncomm = game\n"
                                "[workload big]\ncomm = big\npriority = 5\nscheduler = /opt/other\n"
                                "scheduler_args = -x\nlinger = 2s\n"
                                "[workload ac]\ncomm = ac\non_battery = no\n",
                                "f")},
                     [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    return std::make_shared<Config>(built.config);
}

template <typename T> bool is(const Decision& d) { return std::holds_alternative<T>(d); }

class Core : public testing::Test {
  protected:
    Decision at(std::int64_t second, const Event& event) {
        return core.on(event, seconds(1000) + seconds(second));
    }
    void attach(std::int64_t second) {
        EXPECT_TRUE(is<Keep>(at(second, event::Attached{*core.current(), {}})));
    }
    Decision fail(std::int64_t second, ExitKind kind = ExitKind::Failed) {
        return at(second, event::StartFailed{*core.current(), {kind, 1, 0, "broken", ""}});
    }
    Decision die(std::int64_t second, ExitKind kind) {
        return at(second, event::Exited{{kind, 0, 9, "died", ""}});
    }
    [[nodiscard]] std::optional<std::int64_t> wakeup() const {
        const auto w = core.next_wakeup();
        return w ? std::optional((*w - seconds(1000)).value / 1'000'000'000) : std::nullopt;
    }

    std::shared_ptr<Config> config = sample();
    DecisionCore core{config, [] { return 0.5; }};
};

} // namespace

TEST_F(Core, AGameStartsTheSchedulerAndItsEndStopsItAfterTheLinger) {
    const Decision start = at(0, event::WorkloadStarted{"game"});
    ASSERT_TRUE(is<Start>(start));
    EXPECT_EQ(std::get<Start>(start).spec, kMain);
    EXPECT_EQ(std::get<Start>(start).reason, "workload game");
    attach(1);
    EXPECT_FALSE(wakeup());
    EXPECT_TRUE(is<Keep>(at(100, event::WorkloadEnded{"game"})));
    EXPECT_EQ(wakeup(), 110);
    EXPECT_TRUE(is<Keep>(at(109, event::Tick{})));
    EXPECT_TRUE(is<Stop>(at(110, event::Tick{})));
    EXPECT_EQ(core.phase(), Phase::Stopping);
    EXPECT_TRUE(is<Keep>(at(111, event::Stopped{})));
    EXPECT_EQ(core.phase(), Phase::Off);
    EXPECT_EQ(core.why(), "no workload");
    EXPECT_FALSE(wakeup());
}

TEST_F(Core, AGameThatComesBackWithinTheLingerKeepsTheScheduler) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    at(100, event::WorkloadEnded{"game"});
    EXPECT_TRUE(is<Keep>(at(105, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(is<Keep>(at(300, event::Tick{})));
    EXPECT_EQ(core.phase(), Phase::On);
}

TEST_F(Core, AKernelWithoutSchedExtIsNotTriedAndTheReasonIsSaid) {
    EXPECT_TRUE(is<Keep>(at(0, event::KernelSupport{false})));
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"game"})));
    EXPECT_EQ(core.phase(), Phase::Off);
    EXPECT_THAT(core.why(), testing::HasSubstr("no sched_ext"));
    EXPECT_FALSE(wakeup());
    const auto refusal = core.refusal({std::nullopt, true});
    ASSERT_TRUE(refusal);
    EXPECT_THAT(*refusal, testing::HasSubstr("no sched_ext"));
}

TEST_F(Core, TheMinimumDwellHoldsAStopBack) {
    at(0, event::WorkloadStarted{"big"});
    attach(1);
    at(2, event::WorkloadEnded{"big"});
    EXPECT_TRUE(is<Keep>(at(4, event::Tick{})));
    EXPECT_EQ(wakeup(), 6);
    EXPECT_TRUE(is<Stop>(at(6, event::Tick{})));
}

TEST_F(Core, AHigherPrioritySwitchesAndItsEndSwitchesBack) {
    at(0, event::WorkloadStarted{"game"});
    attach(0);
    const Decision change = at(10, event::WorkloadStarted{"big"});
    ASSERT_TRUE(is<Switch>(change));
    EXPECT_EQ(std::get<Switch>(change).spec, kOther);
    attach(11);
    const Decision back = at(30, event::WorkloadEnded{"big"});
    ASSERT_TRUE(is<Switch>(back)) << "an active workload goes before a lingering one";
    EXPECT_EQ(std::get<Switch>(back).spec, kMain);
}

TEST_F(Core, SwitchesAreLimitedInRate) {
    at(0, event::WorkloadStarted{"game"});
    attach(0);
    int switches = 0;
    for (int t = 6; t < 60; t += 6) {
        const bool odd = (t / 6) % 2 == 1;
        const Event e =
            odd ? Event(event::WorkloadStarted{"big"}) : Event(event::WorkloadEnded{"big"});
        if (is<Switch>(at(t, e))) {
            ++switches;
            attach(t);
        }
    }
    EXPECT_EQ(switches, 3) << "one start and three switches make four in a minute";
    EXPECT_TRUE(is<Keep>(at(56, event::WorkloadEnded{"big"})));
    EXPECT_TRUE(is<Keep>(at(59, event::Tick{})));
    EXPECT_EQ(wakeup(), 60);
    EXPECT_TRUE(is<Switch>(at(60, event::Tick{})));
}

TEST_F(Core, AFailedStartIsTriedAgainWithGrowingDelaysAndThenQuarantined) {
    at(0, event::WorkloadStarted{"game"});
    EXPECT_TRUE(is<Keep>(fail(1)));
    EXPECT_EQ(wakeup(), 2);
    EXPECT_TRUE(is<Keep>(at(1, event::Tick{})));
    EXPECT_TRUE(is<Start>(at(2, event::Tick{})));
    fail(3);
    EXPECT_EQ(wakeup(), 5);
    EXPECT_TRUE(is<Start>(at(5, event::Tick{})));
    fail(6);
    EXPECT_FALSE(wakeup());
    EXPECT_TRUE(core.failures().quarantined(kMain));
    EXPECT_TRUE(is<Keep>(at(1000, event::Tick{})));
    EXPECT_EQ(core.why(), "/usr/sbin/rustland is in quarantine after repeated failures");
    EXPECT_TRUE(core.refusal({}));
    ASSERT_TRUE(is<Start>(at(1001, event::FailuresReset{})));
}

TEST_F(Core, ANewSessionOrANewConfigurationEndsTheQuarantine) {
    for (const bool by_config : {false, true}) {
        core = DecisionCore(config, [] { return 0.5; });
        at(0, event::WorkloadStarted{"game"});
        fail(1);
        at(2, event::Tick{});
        fail(3);
        at(5, event::Tick{});
        fail(6);
        if (by_config) {
            EXPECT_TRUE(is<Start>(at(100, event::ConfigReplaced{sample()})));
        } else {
            at(100, event::WorkloadEnded{"game"});
            EXPECT_TRUE(is<Keep>(at(105, event::WorkloadStarted{"game"}))) << "the same session";
            at(106, event::WorkloadEnded{"game"});
            EXPECT_TRUE(is<Start>(at(200, event::WorkloadStarted{"game"})));
        }
    }
}

TEST_F(Core, HealthyUptimeForgetsEarlierFailures) {
    at(0, event::WorkloadStarted{"game"});
    fail(1);
    at(2, event::Tick{});
    fail(3);
    at(5, event::Tick{});
    attach(5);
    EXPECT_TRUE(is<Keep>(die(200, ExitKind::Stalled)));
    EXPECT_FALSE(core.failures().quarantined(kMain));
    EXPECT_EQ(wakeup(), 201);
    EXPECT_TRUE(is<Start>(at(201, event::Tick{})));
}

TEST_F(Core, JitterSpreadsTheDelay) {
    auto spread = std::make_shared<Config>(*config);
    spread->settings.restart_jitter = 0.5;
    spread->settings.restart_initial = seconds(2);
    for (const auto& [random, expected] : {std::pair{0.0, 1}, std::pair{0.999999, 2}}) {
        DecisionCore c(spread, [r = random] { return r; });
        c.on(event::WorkloadStarted{"game"}, seconds(100));
        c.on(event::StartFailed{kMain, {}}, seconds(100));
        EXPECT_EQ((*c.next_wakeup() - seconds(100)).value / 1'000'000'000, expected);
    }
}

TEST_F(Core, ASchedulerThatAsksForARestartGetsItWithoutPenalty) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    EXPECT_TRUE(is<Start>(die(10, ExitKind::Restart)));
    EXPECT_FALSE(core.failures().retry_at(kMain));
}

TEST_F(Core, WhatAnAdministratorTookOutOfTheKernelStaysOut) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    EXPECT_TRUE(is<Keep>(die(10, ExitKind::Outside)));
    EXPECT_TRUE(is<Keep>(at(500, event::Tick{})));
    EXPECT_TRUE(is<Start>(at(501, event::WorkloadStarted{"big"}))) << "until a new session";
}

TEST_F(Core, ACommandToStopHoldsUntilANewSession) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    EXPECT_TRUE(is<Stop>(at(2, event::StopRequested{}))) << "at once, whatever the dwell";
    at(3, event::Stopped{});
    EXPECT_TRUE(is<Keep>(at(60, event::Tick{})));
    at(61, event::WorkloadEnded{"game"});
    EXPECT_TRUE(is<Start>(at(120, event::WorkloadStarted{"game"})));
}

TEST_F(Core, ACommandToStopBreaksAStartOff) {
    at(0, event::WorkloadStarted{"game"});
    EXPECT_TRUE(is<Stop>(at(1, event::StopRequested{})));
}

TEST_F(Core, AStartByCommandLastsUntilStop) {
    EXPECT_TRUE(is<Start>(at(0, event::StartRequested{kOther, false})));
    attach(1);
    EXPECT_TRUE(is<Keep>(at(2, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(is<Keep>(at(1000, event::WorkloadEnded{"game"})));
    EXPECT_TRUE(is<Stop>(at(1001, event::StopRequested{})));
}

TEST_F(Core, AStartByCommandThatFailsIsNotRepeated) {
    at(0, event::StartRequested{});
    fail(1);
    EXPECT_FALSE(wakeup());
    EXPECT_TRUE(is<Keep>(at(100, event::Tick{})));
}

TEST_F(Core, RestartByCommandReplacesTheRunningOne) {
    EXPECT_TRUE(is<Keep>(at(0, event::RestartRequested{}))) << "nothing runs";
    at(1, event::WorkloadStarted{"game"});
    attach(1);
    const Decision d = at(2, event::RestartRequested{});
    ASSERT_TRUE(is<Switch>(d));
    EXPECT_EQ(std::get<Switch>(d).spec, kMain);
}

TEST_F(Core, HoldsKeepTheSchedulerOnAndReleaseLetsItGo) {
    EXPECT_TRUE(is<Start>(at(0, event::HoldAdded{1, std::nullopt, "benchmark"})));
    attach(0);
    EXPECT_TRUE(is<Keep>(at(500, event::Tick{})));
    const Decision other = at(501, event::HoldAdded{2, kOther, "special"});
    ASSERT_TRUE(is<Switch>(other)) << "a hold for a certain scheduler goes first";
    attach(502);
    EXPECT_TRUE(is<Switch>(at(510, event::HoldReleased{2})));
    attach(510);
    EXPECT_TRUE(is<Stop>(at(520, event::HoldReleased{1})));
}

TEST_F(Core, BatteryConditionsGateARule) {
    at(0, event::PowerChanged{{true, ""}});
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"ac"})));
    EXPECT_TRUE(is<Start>(at(2, event::PowerChanged{{false, ""}})));
    attach(2);
    EXPECT_TRUE(is<Stop>(at(20, event::PowerChanged{{true, ""}})));
}

TEST_F(Core, SleepStopsAndResumeStartsAgain) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    EXPECT_TRUE(is<Stop>(at(2, event::SleepChanged{true})));
    at(2, event::Stopped{});
    EXPECT_TRUE(is<Keep>(at(3, event::WorkloadStarted{"big"})));
    EXPECT_TRUE(is<Start>(at(1000, event::SleepChanged{false})));
}

TEST_F(Core, AForeignSchedulerIsLeftAloneUnlessTakenOverByCommand) {
    at(0, event::ForeignScheduler{"scx_lavd"});
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"game"})));
    EXPECT_NE(core.why().find("scx_lavd"), std::string::npos);
    EXPECT_TRUE(core.refusal({}));
    const Decision d = at(2, event::StartRequested{std::nullopt, true});
    ASSERT_TRUE(is<Start>(d));
    EXPECT_TRUE(std::get<Start>(d).take_over);
}

TEST_F(Core, AForeignSchedulerThatGoesMakesWay) {
    at(0, event::ForeignScheduler{"scx_lavd"});
    at(1, event::WorkloadStarted{"game"});
    const Decision d = at(2, event::ForeignScheduler{});
    ASSERT_TRUE(is<Start>(d));
    EXPECT_FALSE(std::get<Start>(d).take_over);
}

TEST_F(Core, AnAdoptedSchedulerIsKeptForAWorkloadAndStoppedWithout) {
    EXPECT_TRUE(is<Stop>(at(0, event::Attached{kMain, seconds(900)})));
    core = DecisionCore(config, [] { return 0.5; });
    at(0, event::WorkloadStarted{"game"});
    core = DecisionCore(config, [] { return 0.5; });
    EXPECT_TRUE(is<Keep>(at(0, event::Attached{kMain, {}})));
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(is<Keep>(at(100, event::Tick{})));
}

TEST_F(Core, ANewConfigurationChangesTheArgumentsOfTheRunningOne) {
    at(0, event::WorkloadStarted{"game"});
    attach(0);
    auto changed = std::make_shared<Config>(*config);
    changed->settings.scheduler.args = {"--new"};
    const Decision d = at(100, event::ConfigReplaced{changed});
    ASSERT_TRUE(is<Switch>(d));
    EXPECT_EQ(std::get<Switch>(d).spec.args.at(0), "--new");
    auto without = std::make_shared<Config>(*changed);
    without->rules.clear();
    attach(101);
    EXPECT_TRUE(is<Stop>(at(200, event::ConfigReplaced{without})));
}

TEST_F(Core, DefaultActionStartKeepsItOnWithoutAWorkload) {
    auto always = std::make_shared<Config>(*config);
    always->settings.default_action = DefaultAction::Start;
    DecisionCore c(always, [] { return 0.5; });
    EXPECT_TRUE(is<Start>(c.on(event::Tick{}, seconds(1))));
}

// --- model-based: random sequences against simple invariants
// --------------------------------------

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
        EXPECT_TRUE(!wake || *wake > now_) << "a wake-up in the past would spin: " << core_.why();
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
        ADD_FAILURE() << "spins: " << core_.why();
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
            send(event::Attached{spec, {}});
        } else {
            send(event::StartFailed{spec, {ExitKind::Failed, 1, 0, "broken", ""}});
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
                send(event::ForeignScheduler{foreign_ ? std::optional<std::string>("scx_x")
                                                      : std::nullopt});
            }
            break;
        default:
            if (chance(20))
                send(event::ConfigReplaced{sample()});
            break;
        }
    }

    void command() {
        switch (pick(4)) {
        case 0:
            // One that comes during a stop is answered after it.
            start_waits_ = stopping_;
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
        EXPECT_FALSE(running_ || starting_ || stopping_) << "still on: " << core_.why();
        EXPECT_EQ(core_.phase(), Phase::Off);
        EXPECT_FALSE(core_.next_wakeup()) << "wakes for nothing";
        send(event::WorkloadStarted{"game"});
        advance(now_ + seconds(200));
        EXPECT_TRUE(running_ == kMain) << "not on: " << core_.why();
    }

    std::mt19937 rng_;
    std::uniform_real_distribution<double> uniform_{0.0, 1.0};
    std::shared_ptr<Config> config_ = sample();
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

// --- membership ---------------------------------------------------------------------------------

namespace {

ProcessInfo proc(int pid, const std::string& comm, std::uint64_t start = 1) {
    ProcessInfo p;
    p.key = {Pid{pid}, start};
    p.comm = comm;
    return p;
}

std::string text(const std::vector<Event>& events) {
    std::string out;
    for (const Event& e : events) {
        if (const auto* s = std::get_if<event::WorkloadStarted>(&e))
            out += "+" + s->rule;
        if (const auto* s = std::get_if<event::WorkloadEnded>(&e))
            out += "-" + s->rule;
    }
    return out;
}

class Membership : public testing::Test {
  protected:
    bool judge(const ProcessInfo& p) {
        events.clear();
        return workloads.judge(matcher, p, events);
    }
    static Matcher make() {
        const BuiltConfig built =
            build_config({parse_ini("[workload a]\ncomm = game\n[workload b]\ncomm = game2\n"
                                    "[workload no]\ncomm = helper\ndeny = yes\n",
                                    "f")},
                         [](const std::string&) { return std::optional<uid_t>(); });
        return Matcher(built.config.rules);
    }
    Matcher matcher = make();
    Workloads workloads;
    std::vector<Event> events;
};

} // namespace

TEST_F(Membership, TheFirstProcessBeginsAndTheLastEndsAWorkload) {
    EXPECT_TRUE(judge(proc(1, "game")));
    EXPECT_EQ(text(events), "+a");
    EXPECT_TRUE(judge(proc(2, "game")));
    EXPECT_EQ(text(events), "");
    events.clear();
    workloads.gone({Pid{1}, 1}, events);
    EXPECT_EQ(text(events), "");
    workloads.gone({Pid{2}, 1}, events);
    EXPECT_EQ(text(events), "-a");
    EXPECT_TRUE(workloads.empty());
}

TEST_F(Membership, ARenameNeverReleases) {
    judge(proc(1, "game"));
    EXPECT_FALSE(judge(proc(1, "GameThread")));
    EXPECT_EQ(text(events), "");
    EXPECT_EQ(workloads.find(Pid{1})->comm, "GameThread");
    EXPECT_FALSE(judge(proc(1, "helper"))) << "not even to a denied name";
    EXPECT_FALSE(workloads.empty());
}

TEST_F(Membership, AReusedPidIsAnotherProcess) {
    judge(proc(1, "game", 5));
    EXPECT_FALSE(judge(proc(1, "bash", 9)));
    EXPECT_EQ(text(events), "-a");
    judge(proc(1, "game", 10));
    events.clear();
    workloads.gone({Pid{1}, 9}, events);
    EXPECT_EQ(text(events), "") << "a late exit of the old one";
}

TEST_F(Membership, ChildrenBelongUnlessDenied) {
    judge(proc(1, "game"));
    ProcessInfo child = proc(2, "worker");
    child.ancestors.push_back({{Pid{1}, 1}, "game", {}, std::nullopt});
    EXPECT_TRUE(judge(child));
    EXPECT_TRUE(workloads.find(Pid{2})->inherited);
    ProcessInfo helper = proc(3, "helper");
    helper.ancestors = child.ancestors;
    EXPECT_FALSE(judge(helper));
    ProcessInfo stranger = proc(4, "worker");
    stranger.ancestors.push_back({{Pid{1}, 7}, "game", {}, std::nullopt});
    EXPECT_FALSE(judge(stranger)) << "its ancestor only has the same number";
    events.clear();
    workloads.gone({Pid{1}, 1}, events);
    EXPECT_EQ(text(events), "") << "the child goes on";
    EXPECT_EQ(workloads.active().at("a"), 1);
}

TEST_F(Membership, AChildMayMatchARuleOfItsOwn) {
    judge(proc(1, "game"));
    ProcessInfo child = proc(2, "game2");
    child.ancestors.push_back({{Pid{1}, 1}, "game", {}, std::nullopt});
    judge(child);
    EXPECT_EQ(text(events), "+b");
}

TEST_F(Membership, AReloadDropsTheMembersOfARuleThatIsGone) {
    judge(proc(1, "game"));
    judge(proc(2, "game2"));
    events.clear();
    std::vector<Rule> rules;
    for (const Rule& rule : matcher.rules())
        if (rule.name != "a")
            rules.push_back(rule);
    workloads.keep_rules(Matcher(rules), events);
    EXPECT_EQ(text(events), "-a");
    EXPECT_EQ(workloads.members().size(), 1U);
}
