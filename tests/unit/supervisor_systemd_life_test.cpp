// SPDX-License-Identifier: GPL-2.0-only
// Units that outlive a daemon or a bus, and whether systemd is used at all.
#include "supervisor/system/runner_choice.hpp"
#include "support/systemd_runner_test.hpp"

#include <atomic>
#include <gmock/gmock.h>
#include <thread>

using namespace rustland;
using namespace rustland::supervisor;
using test::SystemdRunnerTest;
using testing::HasSubstr;

TEST_F(SystemdRunnerTest, TheNextDaemonAdoptsTheUnit) {
    runner_->start(spec("rustland", {}), false);
    const RunRecord record = next<runner::Attached>().record;
    runner_.reset();
    bus_ = *Bus::create(*loop_, private_bus.address());
    runner_ = make();
    RunRecord reused = record;
    reused.process.start_time += 1;
    EXPECT_EQ(runner_->adopt(reused), Adopted::No) << "another process with that number";
    ASSERT_EQ(runner_->adopt(record), Adopted::Running);
    EXPECT_EQ(state(), "enabled");
    runner_->stop();
    const auto stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.problem, "");
    EXPECT_EQ(stopped.exit.kind, ExitKind::Requested);
    EXPECT_EQ(runner_->adopt(record), Adopted::No) << "gone";
}

TEST_F(SystemdRunnerTest, TheNextDaemonTakesAStartOverThatIsUnderWay) {
    fixture.kernel("disabled", "", 3);
    // The scheduler is started by hand, so that it is not attached before it is adopted.
    systemd->unit(kOurUnit).argv.emplace_back("--never");
    runner_->start(spec("rustland", {}), false);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return launches.size() == 2; }));
    const RunRecord asked_for = launches[0];
    EXPECT_EQ(asked_for.process.pid.value, 0) << "on record before there is a process";
    EXPECT_EQ(asked_for.unit, kOurUnit);
    const RunRecord known = launches[1];
    EXPECT_EQ(known.process.pid.value, systemd->unit(kOurUnit).pid);
    for (const RunRecord& record : {asked_for, known}) {
        runner_ = make();
        ASSERT_EQ(runner_->adopt(record), Adopted::Starting);
        EXPECT_TRUE(runner_->owns_kernel_scheduler());
    }
    fixture.kernel("enabled", "late", 4);
    EXPECT_EQ(next<runner::Attached>().record.ops, "late");
    // Attached while no daemon was there.
    runner_ = make();
    ASSERT_EQ(runner_->adopt(asked_for), Adopted::Starting);
    EXPECT_EQ(next<runner::Attached>().record.process, known.process);
    // Gone before it was attached.
    runner_ = make();
    ASSERT_EQ(runner_->adopt(asked_for), Adopted::Starting);
    fixture.kernel("disabled", "", 4);
    ::kill(systemd->unit(kOurUnit).pid, SIGKILL);
    EXPECT_EQ(next<runner::StartFailed>().exit.signal, SIGKILL);
}

TEST_F(SystemdRunnerTest, AnAdoptedUnitThatEndsIsReported) {
    runner_->start(spec("rustland", {}), false);
    const RunRecord record = next<runner::Attached>().record;
    runner_ = make();
    ASSERT_EQ(runner_->adopt(record), Adopted::Running);
    fixture.kernel("disabled", "", 1);
    ::kill(record.process.pid.value, SIGKILL);
    EXPECT_EQ(next<runner::Exited>().exit.kind, ExitKind::Crashed);
}

TEST_F(SystemdRunnerTest, AnExitWhileTheBusIsAwayIsNoticedAndAStopStillWorks) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    const pid_t pid = systemd->unit(kOurUnit).pid;
    private_bus.stop();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return !bus_->connected(); }));
    runner_->stop();
    EXPECT_EQ(next<runner::Stopped>().problem, "");
    EXPECT_EQ(state(), "disabled");
    EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(SystemdRunnerTest, AfterTheBusIsBackTheUnitIsFollowedAgain) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    const pid_t pid = systemd->unit(kOurUnit).pid;
    private_bus.stop();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return !bus_->connected(); }));
    private_bus.start();
    test::FakeSystemd again(*loop_, private_bus.address());
    test::FakeSystemd::Unit& unit = again.unit(kOurUnit);
    unit.active = "active";
    unit.pid = pid;
    ASSERT_TRUE(test::run_until(*loop_, [&] { return unit.references == 1; }));
    unit.active = "failed";
    unit.pid = 0;
    unit.code = CLD_KILLED;
    unit.status = SIGABRT;
    ::kill(pid, SIGKILL);
    fixture.kernel("disabled", "", 1);
    const auto exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.signal, SIGABRT) << "as systemd says";
}

TEST_F(SystemdRunnerTest, SystemdIsUsedOnlyWhereItAnswers) {
    EXPECT_FALSE(systemd_answers(*bus_, fixture.dir().path("no-such-directory")));
    // The question blocks, so whoever answers needs a thread.
    std::atomic<bool> stop = false;
    std::thread others([&] {
        while (!stop)
            loop_->run_once(millis(10));
    });
    const auto own_loop = *Loop::create();
    const auto own_bus = *Bus::create(*own_loop, private_bus.address());
    EXPECT_TRUE(systemd_answers(*own_bus, fixture.dir().root()));
    stop = true;
    others.join();
    systemd.reset();
    EXPECT_FALSE(systemd_answers(*own_bus, fixture.dir().root()));
    const auto nowhere = *Bus::create(*loop_, "unix:path=/nonexistent/bus");
    EXPECT_FALSE(nowhere->connected());
    EXPECT_FALSE(systemd_answers(*nowhere, fixture.dir().root()));
}

TEST(Unit, NamesAndTextsAreEscaped) {
    EXPECT_EQ(unit_path("rustland.service"), "/org/freedesktop/systemd1/unit/rustland_2eservice");
    EXPECT_EQ(unit_path("2a-b_c"), "/org/freedesktop/systemd1/unit/_32a_2db_5fc");
    EXPECT_EQ(transient_unit_name("/opt/my sched@2"), "rustland-scheduler-my_sched_2.service");
    EXPECT_EQ(without_variables("a$b$$"), "a$$b$$$$");
    EXPECT_FALSE(environment_file({"a\nb"}));
    test::TempDir dir;
    const std::vector<std::string> hard{"",    "a b", "\"", "\\", "\\\"", "$HOME",
                                        "`x`", "'",   "#",  "%i", "=",    "é"};
    EXPECT_EQ(test::arguments_from(dir.write("env", *environment_file(hard))), hard);
}

TEST(RunnerChoice, AServiceOfSystemdNeverFallsBack) {
    bool asked = false;
    RunnerFacts facts{true, true, [&] {
                          asked = true;
                          return false;
                      }};
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Systemd);
    EXPECT_EQ(*choose_runner(RunnerKind::Systemd, facts), RunnerKind::Systemd);
    EXPECT_EQ(*choose_runner(RunnerKind::Child, facts), RunnerKind::Child);
    EXPECT_FALSE(asked) << "nothing waits for a slow bus at boot";
    facts.may_have_children = false;
    EXPECT_EQ(*choose_runner(RunnerKind::Child, facts), RunnerKind::Systemd)
        << "it could neither start one nor end one that was left to it";
    EXPECT_FALSE(asked);
    facts.service = false; // started by hand
    EXPECT_EQ(*choose_runner(RunnerKind::Child, facts), RunnerKind::Child) << "nothing else can be";
    asked = false;
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Child);
    EXPECT_FALSE(choose_runner(RunnerKind::Systemd, facts));
    EXPECT_TRUE(asked);
    facts.answers = [] { return true; };
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Systemd);
    facts.systemd_machine = false;
    EXPECT_EQ(*choose_runner(RunnerKind::Auto, facts), RunnerKind::Child);
    EXPECT_FALSE(choose_runner(RunnerKind::Systemd, facts));
}

TEST_F(SystemdRunnerTest, ABusThatIsAwayIsNoFailureOfTheScheduler) {
    private_bus.stop();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return !bus_->connected(); }));
    runner_->start(spec("rustland", {}), false);
    const ExitInfo exit = next<runner::StartFailed>().exit;
    EXPECT_EQ(exit.kind, ExitKind::NotTried);
    EXPECT_EQ(exit.reason.str(), "systemd cannot be asked without the system bus; sudo systemctl "
                                 "start dbus.socket");
    EXPECT_EQ(runner_->what_holds_a_start(), exit.reason.str());
}

// systemd has forgotten the unit's ExecStopPost= by then.
TEST_F(SystemdRunnerTest, AUnitThatIsMaskedWhileItRunsLeavesTheMachineAsItWas) {
    runner_->start(spec("rustland", {}), false);
    next<runner::Attached>();
    systemd->unit(kOurUnit).loaded = false;
    systemd->unit(kOurUnit).masked = true;
    runner_->stop();
    next<runner::Stopped>();
    EXPECT_TRUE(
        test::run_until(*loop_, [&] { return called("StartUnit rustland-restore.service"); }));
}
