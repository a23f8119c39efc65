// SPDX-License-Identifier: GPL-2.0-only
// The systemd runner against a played systemd on a private bus, with real processes that play the
// scheduler on a played sysfs.
#include "supervisor/system/runner_choice.hpp"
#include "supervisor/system/systemd_runner.hpp"
#include "support/fake_systemd.hpp"
#include "support/proc_fixture.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

using namespace rustland;
using namespace rustland::supervisor;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

// Longer than any test takes on a busy machine: only where a test is about a deadline may one come.
constexpr Nanos kAmple = seconds(60);
constexpr const char* kTransient = "rustland-scheduler-other.service";

class SystemdRunnerTest : public testing::Test {
  protected:
    SystemdRunnerTest() : loop_(*Loop::create()) {}
    void SetUp() override {
        ASSERT_TRUE(private_bus.ready()) << "dbus-daemon (package dbus-daemon) did not start";
        systemd = std::make_unique<test::FakeSystemd>(*loop_, private_bus.address());
        bus_ = *Bus::create(*loop_, private_bus.address());
        runner_ = make();
        test::FakeSystemd::Unit& ours = systemd->unit(kOurUnit);
        ours.argv = {program("rustland")};
        ours.environment_file = fixture.dir().path("rustland.env");
    }
    std::unique_ptr<SystemdRunner> make() {
        SystemdRunnerOptions options;
        options.environment_path = fixture.dir().path("rustland.env");
        options.sysrq_path = fixture.dir().write("sysrq", "");
        options.start_timeout = kAmple;
        options.stop_timeout = kAmple;
        options.output = [this](const std::string& unit, const std::string& invocation,
                                const std::function<void(std::string)>& deliver) {
            reading = [unit, invocation, deliver] {
                deliver("words of " + unit + " " + invocation);
            };
            if (!slow_journal)
                reading();
        };
        auto runner = SystemdRunner::create(*loop_, *bus_, SchedExtReader(fixture.sched_ext()),
                                            ProcReader(), options);
        (*runner)->on_event([this](const RunnerEvent& event) {
            if (const auto* launched = std::get_if<runner::Launched>(&event))
                launches.push_back(launched->record);
            else
                events.push_back(event);
        });
        return *std::move(runner);
    }
    [[nodiscard]] std::string program(const std::string& name) const {
        std::string path = fixture.dir().path(name);
        if (!std::filesystem::exists(path))
            std::filesystem::create_symlink(FAKE_SCHEDULER, path);
        return path;
    }
    [[nodiscard]] SchedulerSpec spec(const std::string& name, std::vector<std::string> args) const {
        args.insert(args.end(), {"--root", fixture.sched_ext()});
        return {program(name), std::move(args)};
    }
    template <typename T> T next() {
        const std::size_t count = ++taken_;
        EXPECT_TRUE(test::run_until(*loop_, [&] { return events.size() >= count; }));
        if (events.size() < count || !std::holds_alternative<T>(events[count - 1])) {
            ADD_FAILURE() << "another event, or none: "
                          << (events.size() < count ? -1 : int(events[count - 1].index()));
            return {};
        }
        return std::get<T>(events[count - 1]);
    }
    [[nodiscard]] std::string state() const {
        return SchedExtReader(fixture.sched_ext()).read().state;
    }
    [[nodiscard]] bool called(const std::string& call) const {
        return std::find(systemd->calls.begin(), systemd->calls.end(), call) !=
               systemd->calls.end();
    }

    test::ProcFixture fixture;
    test::PrivateBus private_bus;
    bool slow_journal = false;
    std::function<void()> reading; // what the journal was last asked for
    std::vector<RunnerEvent> events;
    std::vector<RunRecord> launches;
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<test::FakeSystemd> systemd;
    std::unique_ptr<Bus> bus_;
    std::unique_ptr<SystemdRunner> runner_;
    std::size_t taken_ = 0;
};

} // namespace

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
    EXPECT_THAT(next<runner::StartFailed>().exit.reason,
                HasSubstr("was started by somebody else and is left alone"));
    EXPECT_FALSE(called("StartUnit rustland.service"));
    EXPECT_FALSE(called("StopUnit rustland.service"));
    EXPECT_GT(systemd->unit(kOurUnit).pid, 0);
}

TEST_F(SystemdRunnerTest, WhatTheAdministratorEnabledIsLeftAloneUnlessTakenOver) {
    systemd->unit(kOurUnit).file_state = "enabled";
    runner_->start(spec("rustland", {}), false);
    EXPECT_THAT(next<runner::StartFailed>().exit.reason,
                HasSubstr("the administrator has enabled rustland.service"));
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
        EXPECT_THAT(failed.exit.reason,
                    HasSubstr("; correct its options, then rustlandctl reload"));
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
    facts.service = false; // started by hand
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
    EXPECT_THAT(exit.reason.str(), HasSubstr("systemd does not answer"));
}
