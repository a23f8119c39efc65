// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/core/decision_core.hpp"
#include "support/core_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::is;
using test::kMain;
using test::kOther;

namespace {

class Core : public test::CoreTest {
  protected:
    Decision die(std::int64_t second, ExitKind kind) {
        return at(second, event::Exited{{kind, 0, 9, "died", ""}});
    }
    [[nodiscard]] std::optional<std::int64_t> wakeup() const {
        const auto w = core.next_wakeup();
        return w ? std::optional((*w - seconds(1000)).value / 1'000'000'000) : std::nullopt;
    }
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
    EXPECT_EQ(why(), kIdle);
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
    EXPECT_THAT(why(), testing::HasSubstr("no sched_ext"));
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
    EXPECT_THAT(why(), testing::HasSubstr("is in quarantine after repeated failures"));
    EXPECT_TRUE(core.refusal({}));
    ASSERT_TRUE(is<Start>(at(1001, event::FailuresReset{})));
}

TEST_F(Core, WhatWouldFailTheSameWayAgainIsNotTriedAgain) {
    for (const Event& undo : std::vector<Event>{event::ConfigReplaced{config},
                                                event::FailuresReset{}, event::Resumed{}}) {
        core = DecisionCore(config, [] { return 0.5; });
        at(0, event::WorkloadStarted{"game"});
        EXPECT_TRUE(is<Keep>(fail(1, ExitKind::Misconfigured)));
        EXPECT_FALSE(wakeup());
        EXPECT_EQ(why(), "/usr/sbin/rustland is in quarantine: broken");
        EXPECT_EQ(core.refusal({}), "/usr/sbin/rustland is in quarantine: broken");
        EXPECT_TRUE(is<Keep>(at(50, event::WorkloadEnded{"game"})));
        EXPECT_TRUE(is<Keep>(at(100, event::WorkloadStarted{"game"}))) << "a new session";
        const Decision other = at(101, event::WorkloadStarted{"big"});
        ASSERT_TRUE(is<Start>(other)) << "another scheduler";
        EXPECT_EQ(std::get<Start>(other).spec, kOther);
        attach(102);
        at(110, event::WorkloadEnded{"big"});
        EXPECT_TRUE(is<Switch>(at(120, undo)) || core.current() == kMain);
    }
    core = DecisionCore(config, [] { return 0.5; });
    at(0, event::StartRequested{});
    fail(1, ExitKind::Misconfigured);
    EXPECT_TRUE(is<Keep>(at(2, event::FailuresReset{}))) << "a person's start is not repeated";
}

TEST_F(Core, ANewConfigurationEndsTheQuarantineAndANewSessionDoesNot) {
    at(0, event::WorkloadStarted{"game"});
    fail(1);
    at(2, event::Tick{});
    fail(3);
    at(5, event::Tick{});
    fail(6);
    at(100, event::WorkloadEnded{"game"});
    EXPECT_TRUE(is<Keep>(at(200, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(core.failures().quarantined(kMain));
    EXPECT_TRUE(is<Keep>(at(201, event::HoldAdded{1, std::nullopt, "a user's"})));
    EXPECT_TRUE(is<Start>(at(300, event::ConfigReplaced{test::sample_config()})));
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

TEST_F(Core, AGameThatBeginsTurnsOnWhatWasStoppedFromOutside) {
    const event::WorkloadStarted began{"game"};
    const event::WorkloadEnded over{"game"};
    const event::WorkloadJoined another{"game"};
    at(0, began);
    attach(1);
    EXPECT_TRUE(is<Keep>(die(10, ExitKind::Outside)));
    EXPECT_EQ(why(), "stopped from outside, until the next game begins or rustlandctl resume");
    EXPECT_TRUE(is<Keep>(at(11, over)));
    EXPECT_TRUE(is<Start>(at(13, began))) << "within the linger time, too";
    attach(14);
    EXPECT_TRUE(is<Keep>(die(30, ExitKind::Outside)));
    EXPECT_TRUE(is<Start>(at(31, another))) << "a second game of the same rule";
    attach(32);
    EXPECT_TRUE(is<Keep>(at(33, another)));
    EXPECT_TRUE(is<Stop>(at(60, event::StopRequested{})));
    at(61, event::Stopped{});
    EXPECT_TRUE(is<Keep>(at(62, another))) << "a command holds";
}

TEST_F(Core, ACommandToStopHoldsUntilSomebodyWhoMayWantsItAgain) {
    const event::HoldAdded users{1, std::nullopt, "a user's"};
    const event::HoldAdded administrators{2, std::nullopt, "an administrator's", true};
    for (const Event& undo :
         std::vector<Event>{event::Resumed{}, event::StartRequested{}, administrators}) {
        core = DecisionCore(config, [] { return 0.5; });
        at(0, event::WorkloadStarted{"game"});
        attach(1);
        EXPECT_TRUE(is<Stop>(at(2, event::StopRequested{}))) << "at once, whatever the dwell";
        at(3, event::Stopped{});
        EXPECT_TRUE(is<Keep>(at(60, event::Tick{})));
        at(61, event::WorkloadEnded{"game"});
        EXPECT_TRUE(is<Keep>(at(120, event::WorkloadStarted{"game"}))) << "a new session";
        EXPECT_TRUE(is<Keep>(at(121, event::WorkloadStarted{"big"}))) << "another workload";
        EXPECT_TRUE(is<Keep>(at(122, users)));
        EXPECT_EQ(why(), "stopped by command, until rustlandctl resume or start");
        EXPECT_TRUE(is<Start>(at(200, undo)));
    }
}

TEST_F(Core, WhatEndsFromOutsideDuringAStopDoesNotWeakenTheStop) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    at(2, event::StopRequested{});
    die(3, ExitKind::Outside);
    EXPECT_TRUE(is<Keep>(at(100, event::WorkloadStarted{"big"})));
    // A start that is broken off.
    at(101, event::Resumed{});
    at(102, event::StopRequested{});
    fail(103, ExitKind::Outside);
    EXPECT_TRUE(is<Keep>(at(200, event::WorkloadStarted{"ac"})));
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
    EXPECT_NE(why().find("scx_lavd"), std::string::npos);
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
    EXPECT_TRUE(is<Stop>(at(0, event::Attached{kMain, seconds(900), false, {}})));
    core = DecisionCore(config, [] { return 0.5; });
    at(0, event::WorkloadStarted{"game"});
    core = DecisionCore(config, [] { return 0.5; });
    EXPECT_TRUE(is<Keep>(at(0, event::Attached{kMain, {}, false, {}})));
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(is<Keep>(at(100, event::Tick{})));
}

TEST_F(Core, AnAdoptedStartIsAwaitedWhateverIsWantedMeanwhile) {
    EXPECT_TRUE(is<Keep>(at(0, event::Attached{kMain, {}, false, {}, true})));
    EXPECT_EQ(core.phase(), Phase::Starting);
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"game"})));
    EXPECT_TRUE(is<Keep>(at(2, event::Attached{kMain, {}, false, {}})));
    EXPECT_EQ(core.phase(), Phase::On);
    core = DecisionCore(config, [] { return 0.5; });
    at(0, event::Attached{kMain, {}, false, {}, true});
    EXPECT_TRUE(is<Stop>(at(900, event::Attached{kMain, seconds(800), false, {}})))
        << "no workload is left";
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

TEST_F(Core, AnAdoptedSchedulerIsKeptForAPersonsCommandAndForHolds) {
    EXPECT_TRUE(is<Keep>(at(0, event::Attached{kMain, {}, true, {}})));
    EXPECT_TRUE(core.commanded_on());
    EXPECT_TRUE(is<Stop>(at(9, event::StopRequested{})));
    core = DecisionCore(config, [] { return 0.5; });
    EXPECT_TRUE(is<Keep>(at(0, event::Attached{kMain, {}, false, {{3, {}, "a game"}}})));
    EXPECT_FALSE(core.commanded_on());
    EXPECT_TRUE(is<Stop>(at(9, event::HoldReleased{3})));
}

TEST_F(Core, WhatCouldNotBeTriedIsTriedAgainAndIsNoFailure) {
    at(0, event::WorkloadStarted{"game"});
    int now = 0;
    // A bus that is away for a minute.
    while (now < 60) {
        ExitInfo exit;
        exit.kind = ExitKind::NotTried;
        exit.reason = "systemd does not answer";
        EXPECT_TRUE(is<Keep>(at(now, event::StartFailed{kMain, exit})));
        ASSERT_TRUE(wakeup());
        EXPECT_TRUE(is<Keep>(at(*wakeup() - 1, event::Tick{})));
        now = static_cast<int>(*wakeup());
        ASSERT_TRUE(is<Start>(at(now, event::Tick{}))) << why();
    }
    EXPECT_FALSE(core.failures().quarantined(kMain));
    EXPECT_FALSE(core.failures().retry_at(kMain));
    attach(now);
    EXPECT_EQ(core.phase(), Phase::On);
}

TEST_F(Core, AStartByCommandDuringAnotherStartDoesNotWaitForTheMinimumTime) {
    at(0, event::WorkloadStarted{"game"});
    at(1, event::StartRequested{kOther, false});
    const Decision change = at(2, event::Attached{kMain, {}, false, {}});
    ASSERT_TRUE(is<Switch>(change)) << why();
    EXPECT_EQ(std::get<Switch>(change).spec, kOther);
    attach(3);
    EXPECT_TRUE(is<Keep>(at(4, event::Tick{})));
}

TEST_F(Core, AFailureDuringAStartByCommandIsNotTriedAgainAtOnce) {
    at(0, event::WorkloadStarted{"game"});
    at(1, event::StartRequested{kMain, false});
    EXPECT_TRUE(is<Keep>(fail(2)));
    EXPECT_THAT(why(), testing::StartsWith("waiting after a failure"));
}

TEST_F(Core, WhatAPersonHadOnComesBackAfterASwitchThatFailed) {
    at(0, event::StartRequested{kMain, false});
    attach(1);
    ASSERT_TRUE(is<Switch>(at(2, event::StartRequested{kOther, false})));
    const Decision back = fail(3, ExitKind::Misconfigured);
    ASSERT_TRUE(is<Start>(back)) << why();
    EXPECT_EQ(std::get<Start>(back).spec, kMain);
    attach(4);
    EXPECT_EQ(why(), "started by command");
    at(5, event::StopRequested{});
    at(6, event::Stopped{});
    EXPECT_TRUE(is<Keep>(at(7, event::Resumed{}))) << "stopped for good";
}
