// SPDX-License-Identifier: GPL-2.0-only
// What people are told of why the scheduler is on or off: never two things that contradict, never a
// wait without its reason, and in the same words wherever it is asked.
#include "supervisor/config/wide_rules.hpp"
#include "supervisor/core/decision_core.hpp"
#include "support/core_test.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::is;
using test::kMain;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

class Why : public test::CoreTest {
  protected:
    // The rules of `text` behind those that every configuration here has.
    void configure(const std::string& text) {
        const BuiltConfig built =
            build_config({parse_ini("[supervisor]\nlinger = 10s\nmin_dwell = 0\n" + text, "f")},
                         [](const std::string&) { return std::optional<uid_t>(); });
        for (const Problem& p : built.problems)
            ADD_FAILURE() << p.message();
        config = std::make_shared<Config>(built.config);
        core = DecisionCore(config, [] { return 0.5; });
    }
    [[nodiscard]] std::string waits(const char* rule) const {
        return core.why_not_now(*config->find_rule(rule)).value_or("");
    }
};

} // namespace

TEST_F(Why, IdleIsNoFault) {
    at(0, event::Tick{});
    EXPECT_EQ(why(), "no game runs; it comes on by itself when one begins");
    at(1, event::ForeignScheduler{"scx_x"});
    EXPECT_EQ(why(), "no game runs, and the kernel runs scx_x, which somebody else started: "
                     "left alone")
        << "it would not come on";
    at(2, event::ForeignScheduler{});
    at(3, event::SleepChanged{true});
    EXPECT_EQ(why(), "the machine is about to sleep");
    at(4, event::SleepChanged{false});
    at(5, event::WorkloadStarted{"game"});
    fail(6, ExitKind::Misconfigured);
    at(7, event::WorkloadEnded{"game"});
    EXPECT_EQ(why(), "no game runs, and /usr/sbin/rustland is in quarantine: broken");
}

TEST_F(Why, WhatLingersSaysWhenItGoesOff) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    at(20, event::WorkloadEnded{"game"});
    EXPECT_EQ(why(), "game ended; goes off in 10.0s");
}

TEST_F(Why, WhereNothingCountsNothingComesOnByItself) {
    configure("[workload a]\nprogram = a\nenabled = no\n");
    at(0, event::Tick{});
    EXPECT_EQ(why(), kNothingCounts);
}

TEST_F(Why, AConditionThatIsNotMetIsSaid) {
    configure("[workload a]\nprogram = a\non_battery = yes\n"
              "[workload b]\nprogram = b\non_battery = no\npriority = 2\n"
              "[workload c]\nprogram = c\npower_profile = performance, balanced\npriority = 3\n");
    at(0, event::PowerChanged{{false, "power-saver"}});
    EXPECT_TRUE(is<Keep>(at(1, event::WorkloadStarted{"a"})));
    EXPECT_EQ(why(), "a waits: only on battery (on_battery = yes), now on mains");
    EXPECT_EQ(waits("a"), why());
    EXPECT_EQ(waits("b"), "");
    at(2, event::WorkloadStarted{"c"});
    EXPECT_EQ(why(), "c waits: only with the power profile performance or balanced "
                     "(power_profile = performance, balanced), now power-saver")
        << "the one with the greater priority";
    at(3, event::WorkloadEnded{"c"});
    at(4, event::WorkloadEnded{"a"});
    at(5, event::PowerChanged{{true, ""}});
    at(6, event::WorkloadStarted{"b"});
    EXPECT_EQ(why(), "b waits: only on mains (on_battery = no), now on battery");
    EXPECT_TRUE(is<Start>(at(7, event::PowerChanged{{false, ""}})));
    EXPECT_EQ(waits("b"), "");
}

TEST_F(Why, AStopAnObstacleAndAQuarantineAreSaidOfEachRule) {
    at(0, event::StopRequested{StopOrder{1000, 1}});
    at(1, event::WorkloadStarted{"game"});
    EXPECT_EQ(waits("game"), why());
    EXPECT_THAT(why(), StartsWith("stopped by command of user 1000, until rustlandctl"));
    at(2, event::ForeignScheduler{"scx_x", SchedulerOwner{Pid{812}, "scx_x", "scx.service"}});
    at(3, event::Resumed{});
    EXPECT_EQ(why(), "the kernel runs scx_x, which somebody else started (process 812, scx_x, "
                     "of scx.service): left alone");
    EXPECT_EQ(waits("game"), why());
    EXPECT_EQ(core.refusal({}),
              "the kernel runs scx_x, which somebody else started (process 812, scx_x, of "
              "scx.service); sudo systemctl stop scx.service, or take over: sudo rustlandctl start "
              "--take-over");
    at(4, event::ForeignScheduler{});
    fail(5, ExitKind::Misconfigured);
    EXPECT_EQ(waits("game"), why());
    EXPECT_THAT(why(), HasSubstr("quarantine: broken"));
    at(6, event::KernelSupport{false});
    EXPECT_EQ(waits("game"), why());
    EXPECT_THAT(why(), HasSubstr("no sched_ext"));
}

TEST_F(Why, AWaitAfterAFailureHasTheReason) {
    at(0, event::WorkloadStarted{"game"});
    fail(1);
    EXPECT_EQ(why(), "waiting after a failure (broken); 1.0s to go");
    at(2, event::Tick{});
    fail(3);
    at(5, event::Tick{});
    fail(6);
    EXPECT_EQ(why(), "/usr/sbin/rustland is in quarantine after repeated failures, the last: "
                     "broken; mend that, then sudo rustlandctl reload (rustlandctl "
                     "history --dump has more)");
    ASSERT_EQ(core.failures().quarantine().size(), 1U);
    EXPECT_EQ(core.failures().quarantine()[0].last, seconds(1006));
}

TEST_F(Why, WhatCouldNotBeTriedSaysWhyAndIsTriedLessAndLessOften) {
    at(0, event::WorkloadStarted{"game"});
    ExitInfo exit;
    exit.kind = ExitKind::NotTried;
    exit.reason = "systemd does not answer";
    std::int64_t now = 0;
    for (const int delay : {2, 4, 8, 10, 10}) {
        at(now, event::StartFailed{kMain, exit});
        EXPECT_THAT(why(), StartsWith("it could not be tried (systemd does not answer)"));
        EXPECT_EQ(core.next_wakeup(), seconds(1000 + now + delay));
        now += delay;
        ASSERT_TRUE(is<Start>(at(now, event::Tick{}))) << why();
    }
    at(now, event::StartFailed{kMain, exit});
    EXPECT_TRUE(is<Start>(at(now + 1, event::Resumed{}))) << "a person does not wait";
}

TEST_F(Why, NothingIsContradictedWhileItChanges) {
    at(0, event::WorkloadStarted{"game"});
    EXPECT_EQ(why(), "workload game");
    at(1, event::WorkloadEnded{"game"});
    at(12, event::Tick{});
    EXPECT_EQ(core.phase(), Phase::Starting);
    EXPECT_EQ(why(), "no game runs any more; it ends once it has started");
    at(13, event::WorkloadStarted{"game"});
    EXPECT_EQ(why(), "workload game");
    at(14, event::WorkloadStarted{"big"});
    EXPECT_EQ(why(), "workload big; that scheduler follows once this one has started");
    at(15, event::WorkloadEnded{"big"});
    attach(20);
    at(21, event::WorkloadEnded{"game"});
    ASSERT_TRUE(is<Stop>(at(40, event::Tick{})));
    EXPECT_EQ(why(), "no game runs any more");
    at(41, event::WorkloadStarted{"game"});
    EXPECT_EQ(core.phase(), Phase::Stopping);
    EXPECT_EQ(why(), "workload game; it comes back once it has stopped");
    at(42, event::StopRequested{StopOrder{0, 1}});
    EXPECT_THAT(why(), StartsWith("stopped by command of root"));
}

TEST_F(Why, ABackgroundRuleAloneTurnsNothingOn) {
    configure("[workload compile]\nprogram = cc1plus\nclass = background\n"
              "[workload game]\nprogram = game\n"
              "[workload own]\nprogram = own\nclass = background\nscheduler = /opt/rustland\n");
    EXPECT_TRUE(is<Keep>(at(0, event::WorkloadStarted{"compile"})));
    EXPECT_EQ(why(), "compile is in the background (class = background), which does not turn "
                     "the scheduler on");
    ASSERT_TRUE(is<Start>(at(1, event::WorkloadStarted{"game"})));
    attach(2);
    at(3, event::WorkloadEnded{"game"});
    EXPECT_TRUE(is<Stop>(at(60, event::Tick{}))) << "nor does it keep it on";
    at(61, event::Stopped{});
    EXPECT_TRUE(is<Start>(at(62, event::WorkloadStarted{"own"}))) << "one that names its scheduler";
    attach(63);
    at(64, event::Exited{{ExitKind::Outside, 0, 0, "", ""}});
    at(65, event::WorkloadEnded{"own"});
    at(66, event::WorkloadEnded{"compile"});
    EXPECT_TRUE(is<Keep>(at(90, event::WorkloadStarted{"compile"})));
    EXPECT_THAT(why(), StartsWith("stopped from outside")) << "it is no next workload";
}

TEST(WhoRuns, OneAnswerForAll) {
    const SchedulerOwner shell{Pid{7}, "rustland", ""};
    EXPECT_EQ(who_runs(std::nullopt, false, shell).by, WhoRuns::By::Nobody);
    EXPECT_EQ(who_runs("rustland", true, shell).text().str(), "rustland, which rustlandd started");
    const WhoRuns other = who_runs("rustland", false, shell);
    EXPECT_EQ(other.by, WhoRuns::By::Other) << "its name is no proof";
    EXPECT_EQ(other.text().str(), "rustland, which somebody else started (process 7, rustland)");
    EXPECT_EQ(other.advice().str(),
              "end process 7, or take over: sudo rustlandctl start --take-over");
    const WhoRuns always =
        who_runs("rustland", false, SchedulerOwner{Pid{8}, "rustland", "rustland.service"});
    EXPECT_EQ(always.by, WhoRuns::By::AlwaysOn);
    EXPECT_THAT(always.text().str(), HasSubstr("rustland.service keeps on"));
    EXPECT_THAT(always.advice().str(), HasSubstr("default_action = start"));
    const WhoRuns unknown = who_runs("scx_x", false, std::nullopt);
    EXPECT_THAT(unknown.advice().str(), StartsWith("end it where it was started"));
    EXPECT_THAT(unknown.text().str(), Not(HasSubstr("process")));
}

// Asked again later, without anything having happened.
TEST_F(Why, WhatIsToGoIsCountedWhenItIsAsked) {
    const auto after = [this](Nanos more) { return core.why(last + more); };
    at(0, event::WorkloadStarted{"game"});
    fail(1);
    EXPECT_EQ(after({}), "waiting after a failure (broken); 1.0s to go");
    EXPECT_EQ(after(millis(750)), "waiting after a failure (broken); 0.3s to go");
    EXPECT_EQ(after(seconds(5)), "waiting after a failure (broken); 0.0s to go") << "never below";
    at(2, event::Tick{});
    attach(3);
    at(20, event::WorkloadEnded{"game"});
    EXPECT_EQ(after({}), "game ended; goes off in 10.0s");
    EXPECT_EQ(after(seconds(3)), "game ended; goes off in 7.0s");
    EXPECT_EQ(core.lasting_why(), "game ended") << "what is kept has no time in it";
    at(30, event::Tick{});
    at(31, event::Stopped{});
    at(32, event::WorkloadStarted{"game"});
    ExitInfo exit;
    exit.kind = ExitKind::NotTried;
    exit.reason = "no bus";
    at(33, event::StartFailed{kMain, exit});
    EXPECT_EQ(after(seconds(1)), "it could not be tried (no bus), and is tried again; 1.0s to go");
}

TEST_F(Why, TheMinimumTimeAndTheLimitOfStartsAreCountedToo) {
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    at(2, event::WorkloadStarted{"big"});
    EXPECT_EQ(core.why(last + seconds(3)), "stays on for the minimum time; 1.0s to go");
    configure("switch_limit = 1/30s\n[workload game]\nprogram = game\n"
              "[workload big]\nprogram = big\npriority = 3\nscheduler = /opt/big\n");
    at(0, event::WorkloadStarted{"game"});
    attach(1);
    at(2, event::WorkloadStarted{"big"});
    EXPECT_EQ(core.why(last + seconds(4)), "too many switches in a short time; 24.0s to go");
}

TEST_F(Why, OfSeveralGamesThatEndedTheOneThatKeepsItOnIsNamed) {
    configure("[workload a]\nprogram = a\n[workload b]\nprogram = b\n");
    at(0, event::WorkloadStarted{"a"});
    attach(1);
    at(2, event::WorkloadStarted{"b"});
    at(20, event::WorkloadEnded{"a"});
    at(22, event::WorkloadEnded{"b"});
    EXPECT_EQ(why(), "b ended; goes off in 10.0s") << "a's time is over before";
}
