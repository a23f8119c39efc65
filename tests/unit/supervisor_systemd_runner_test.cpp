// SPDX-License-Identifier: GPL-2.0-only
// How the systemd runner starts, watches and stops a unit.
#include "support/systemd_runner_test.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::kAmple;
using test::kTransient;
using test::SystemdRunnerTest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(SystemdRunnerTest, OurSchedulerRunsAsItsUnitWithItsArgumentsFromTheFile) {
    runner_->start(spec("rustland", {"--ops", "odd \"name\" $x `y` \\z %n 'q'"}), false);
    const auto attached = next<runner::Attached>();
    EXPECT_EQ(attached.record.ops, "odd \"name\" $x `y` \\z %n 'q'");
    EXPECT_EQ(attached.record.unit, kOurUnit);
    EXPECT_EQ(attached.record.backend, "systemd");
    EXPECT_EQ(attached.record.process.pid.value, systemd->unit(kOurUnit).pid);
    EXPECT_EQ(systemd->unit(kOurUnit).references, 1);
    runner_->stop();
    const auto stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.problem, "");
    EXPECT_EQ(stopped.exit.kind, ExitKind::Requested);
    EXPECT_EQ(state(), "disabled");
    EXPECT_TRUE(called("StopUnit rustland.service"));
    EXPECT_FALSE(runner_->owns_kernel_scheduler());
    EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("rustland.env")))
        << "the administrator's own start has no arguments of ours";
    ASSERT_TRUE(test::run_until(*loop_, [&] { return systemd->unit(kOurUnit).references == 0; }));
}

TEST_F(SystemdRunnerTest, AnotherSchedulerRunsAsATransientUnit) {
    runner_->start(spec("other", {"--ops", "other$HOME"}), false);
    const auto attached = next<runner::Attached>();
    EXPECT_EQ(attached.record.ops, "other$HOME") << "no variables put in";
    EXPECT_EQ(attached.record.unit, kTransient);
    const auto& unit = systemd->unit(kTransient);
    EXPECT_TRUE(unit.transient);
    EXPECT_EQ(unit.properties.at("Restart"), "no");
    EXPECT_EQ(unit.properties.at("CollectMode"), "inactive-or-failed");
    runner_->stop();
    EXPECT_EQ(next<runner::Stopped>().problem, "");
    ASSERT_TRUE(test::run_until(*loop_, [&] { return unit.references == 0; }));
}

TEST_F(SystemdRunnerTest, OurSchedulerFromAnotherPlaceRunsAsATransientUnit) {
    systemd->unit(kOurUnit).argv = {"/usr/sbin/some-other-build"};
    runner_->start(spec("rustland", {}), false);
    EXPECT_EQ(next<runner::Attached>().record.unit, "rustland-scheduler-rustland.service");
    runner_->stop();
    next<runner::Stopped>();
}

TEST_F(SystemdRunnerTest, WhatTheAdministratorStartedIsLeftAlone) {
    // It has not attached yet, so that the kernel does not show it.
    systemd->unit(kOurUnit).argv.emplace_back("--never");
    systemd->start(kOurUnit);
    runner_->start(spec("rustland", {}), false);
    const ExitInfo exit = next<runner::StartFailed>().exit;
    EXPECT_THAT(exit.reason, HasSubstr("was started by somebody else and is left alone"));
    EXPECT_EQ(exit.kind, ExitKind::NotTried) << "no failure of the scheduler";
    EXPECT_FALSE(called("StartUnit rustland.service"));
    EXPECT_FALSE(called("StopUnit rustland.service"));
    EXPECT_GT(systemd->unit(kOurUnit).pid, 0);
}

TEST_F(SystemdRunnerTest, WhatTheAdministratorEnabledIsLeftAloneUnlessTakenOver) {
    systemd->unit(kOurUnit).file_state = "enabled";
    runner_->start(spec("rustland", {}), false);
    const ExitInfo exit = next<runner::StartFailed>().exit;
    EXPECT_THAT(exit.reason, HasSubstr("rustland.service is enabled and so is left alone"));
    EXPECT_EQ(exit.kind, ExitKind::NotTried) << "no failure of the scheduler";
    runner_->start(spec("rustland", {}), true);
    next<runner::Attached>();
    runner_->stop();
    next<runner::Stopped>();
}

TEST_F(SystemdRunnerTest, AForeignSchedulerIsEvictedBySystemdWhereWeMayNot) {
    fixture.kernel("enabled", "scx_other", 4);
    // A directory cannot be written to by anybody; the unit that systemd starts writes its own.
    std::filesystem::remove(fixture.dir().path("sysrq"));
    std::filesystem::create_directory(fixture.dir().path("sysrq"));
    runner_->start(spec("other", {}), true);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return systemd->has("rustland-evict.service"); }));
    EXPECT_THAT(systemd->unit("rustland-evict.service").argv,
                ElementsAre("/bin/sh", "-c", "echo S >\"$0\"", fixture.dir().path("sysrq")));
    EXPECT_TRUE(events.empty());
    fixture.kernel("disabled", "", 4);
    EXPECT_EQ(next<runner::Attached>().record.unit, kTransient);
    runner_->stop();
    next<runner::Stopped>();
}

TEST_F(SystemdRunnerTest, AStartThatSystemdRefusesFailsWithItsReason) {
    systemd->refuse = "Unit rustland.service is masked.";
    runner_->start(spec("rustland", {}), false);
    EXPECT_EQ(next<runner::StartFailed>().exit.reason,
              "systemd would not start it: Unit rustland.service is masked.");
    EXPECT_FALSE(runner_->owns_kernel_scheduler());
}

TEST_F(SystemdRunnerTest, AStartThatFailsSaysWhatTheJournalHas) {
    runner_->start(spec("rustland", {"--fail", "7"}), false);
    const auto failed = next<runner::StartFailed>();
    EXPECT_EQ(failed.exit.exit_code, 7);
    EXPECT_EQ(failed.exit.reason, "exited with status 7: words of rustland.service ab01");
}

TEST_F(SystemdRunnerTest, OneThatRefusesItsOptionsSaysWhatToDo) {
    for (const char* name : {"rustland", "other"}) {
        runner_->start(spec(name, {"--fail", "2"}), false);
        const auto failed = next<runner::StartFailed>();
        EXPECT_EQ(failed.exit.kind, ExitKind::Misconfigured) << name;
        EXPECT_THAT(
            failed.exit.reason,
            HasSubstr("; correct its options (scheduler_args), then sudo rustlandctl reload"));
    }
}

TEST_F(SystemdRunnerTest, WhatSystemdCannotExecuteIsNotTriedAgain) {
    for (const char* name : {"rustland", "other"}) {
        runner_->start(spec(name, {"--fail", "203"}), false);
        const auto failed = next<runner::StartFailed>();
        EXPECT_EQ(failed.exit.kind, ExitKind::Misconfigured) << name;
        EXPECT_THAT(failed.exit.reason, HasSubstr("correct scheduler= or mend the file"));
    }
}

TEST_F(SystemdRunnerTest, TheJournalIsWaitedForByNobody) {
    slow_journal = true;
    runner_->start(spec("rustland", {"--live", "100", "--exit", "10"}), false);
    next<runner::Attached>();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return reading != nullptr; }));
    EXPECT_EQ(events.size(), 1U) << "reported with its last words";
    EXPECT_TRUE(runner_->owns_kernel_scheduler());
    reading();
    EXPECT_EQ(next<runner::Exited>().exit.dump.str(), "words of rustland.service ab01");
    const auto late = std::exchange(reading, nullptr);
    // One that never answers holds the report back for no longer than a stop may take.
    runner_->configure(kAmple, millis(200));
    runner_->start(spec("rustland", {"--fail", "7"}), false);
    EXPECT_EQ(next<runner::StartFailed>().exit.reason, "exited with status 7");
    runner_->configure(kAmple, kAmple);
    runner_->start(spec("other", {}), false);
    next<runner::Attached>();
    late(); // and what comes too late belongs to nobody
    reading();
    reading = nullptr;
    runner_->stop();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return reading != nullptr; }));
    reading();
    const auto stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.exit.dump.str(), "words of " + std::string(kTransient) + " ab01");
    EXPECT_EQ(stopped.problem, "");
}

TEST_F(SystemdRunnerTest, AStopWhileTheJournalIsReadIsAnsweredByStopped) {
    slow_journal = true;
    runner_->start(spec("rustland", {"--live", "100", "--exit", "10"}), false);
    next<runner::Attached>();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return reading != nullptr; }));
    runner_->stop();
    reading();
    next<runner::Stopped>();
}

TEST_F(SystemdRunnerTest, OneThatNeverAttachesIsStoppedAtTheDeadline) {
    runner_->configure(millis(300), millis(300));
    runner_->start(spec("other", {"--never", "--deaf"}), false);
    const auto failed = next<runner::StartFailed>();
    EXPECT_THAT(failed.exit.reason, HasSubstr("not attached within 300ms"));
    EXPECT_THAT(systemd->calls, Contains("StopUnit " + std::string(kTransient)));
    EXPECT_THAT(systemd->calls, Contains("KillUnit " + std::string(kTransient) + " 15"));
    EXPECT_THAT(systemd->calls, Contains("KillUnit " + std::string(kTransient) + " 9"));
    EXPECT_EQ(systemd->unit(kTransient).pid, 0);
}

TEST_F(SystemdRunnerTest, ACrashIsReportedOnceTheKernelHasLetGo) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    ::kill(systemd->unit(kOurUnit).pid, SIGKILL);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return systemd->unit(kOurUnit).pid == 0; }));
    EXPECT_FALSE(test::run_until(
        *loop_, [&] { return events.size() > 1; }, millis(100)));
    fixture.kernel("disabled", "", 1);
    const auto exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.kind, ExitKind::Crashed);
    EXPECT_EQ(exited.exit.signal, SIGKILL);
}

TEST_F(SystemdRunnerTest, AStopByTheAdministratorComesFromOutside) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    systemd->stop(kOurUnit);
    EXPECT_EQ(next<runner::Exited>().exit.kind, ExitKind::Outside);
}

TEST_F(SystemdRunnerTest, TheUnitsOwnRestartDoesNotCompete) {
    runner_->start(spec("rustland", {"--live", "100", "--exit", "10"}), false);
    systemd->unit(kOurUnit).restarts = true;
    next<runner::Attached>();
    const auto exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.kind, ExitKind::Stalled);
    EXPECT_EQ(exited.exit.exit_code, 10);
    EXPECT_TRUE(called("StopUnit rustland.service"));
    EXPECT_EQ(systemd->unit(kOurUnit).starts, 1);
    EXPECT_EQ(systemd->unit(kOurUnit).active, "inactive");
}

TEST_F(SystemdRunnerTest, ARestartBySomebodyElseIsFollowed) {
    runner_->start(spec("rustland", {"--ops", "one"}), false);
    const auto first = next<runner::Attached>();
    systemd->restart(kOurUnit);
    const auto second = next<runner::Attached>();
    EXPECT_NE(second.record.process, first.record.process);
    EXPECT_EQ(second.record.process.pid.value, systemd->unit(kOurUnit).pid);
    EXPECT_EQ(second.record.ops, "one") << "the arguments are still there";
    EXPECT_TRUE(runner_->owns_kernel_scheduler());
    EXPECT_FALSE(called("StopUnit rustland.service"));
    runner_->stop();
    EXPECT_EQ(next<runner::Stopped>().problem, "");
}

TEST_F(SystemdRunnerTest, ARestartBySomebodyElseMayTakeItsTime) {
    systemd->restart_delay = millis(1500); // longer than an ejected scheduler gets to leave
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    systemd->restart(kOurUnit);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return state() == "disabled"; }));
    runner_->kernel_changed();
    next<runner::Attached>();
    EXPECT_FALSE(called("StopUnit rustland.service"));
    runner_->stop();
    next<runner::Stopped>();
}

TEST_F(SystemdRunnerTest, ARestartBySomebodyElseThatFailsIsAFailedStart) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    systemd->unit(kOurUnit).argv = {program("rustland"), "--fail", "4"};
    systemd->restart(kOurUnit);
    EXPECT_EQ(next<runner::StartFailed>().exit.exit_code, 4);
    EXPECT_FALSE(runner_->owns_kernel_scheduler());
}

TEST_F(SystemdRunnerTest, AStopDuringAStartIsAnsweredByStopped) {
    runner_->start(spec("other", {"--never"}), false);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return systemd->has(kTransient); }));
    runner_->stop();
    next<runner::Stopped>();
    runner_->start(spec("rustland", {"--never"}), false);
    runner_->stop(); // before systemd has even been asked to start it
    next<runner::Stopped>();
    EXPECT_FALSE(test::run_until(
        *loop_, [&] { return events.size() > 2; }, millis(100)));
    EXPECT_EQ(systemd->unit(kOurUnit).pid, 0);
}
