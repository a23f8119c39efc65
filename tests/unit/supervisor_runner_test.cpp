// SPDX-License-Identifier: GPL-2.0-only
// The child runner with a real process that plays the scheduler on a played sysfs.
#include "supervisor/system/child_runner.hpp"
#include "support/proc_fixture.hpp"
#include "support/wait.hpp"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace rustland;
using namespace rustland::supervisor;

namespace {

// Only where a test is about a deadline may one come.
constexpr Nanos kAmple = test::kPatience;

class ChildRunnerTest : public testing::Test {
  protected:
    ChildRunnerTest() : loop_(*Loop::create()), runner_(make()) {}
    ~ChildRunnerTest() override {
        if (last_pid > 0)
            ::kill(last_pid, SIGKILL);
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
    }
    ChildRunnerTest(const ChildRunnerTest&) = delete;
    ChildRunnerTest& operator=(const ChildRunnerTest&) = delete;
    ChildRunnerTest(ChildRunnerTest&&) = delete;
    ChildRunnerTest& operator=(ChildRunnerTest&&) = delete;

    std::unique_ptr<ChildRunner> make() {
        ChildRunnerOptions options;
        options.log_path = fixture.dir().path("log");
        options.sysrq_path = fixture.dir().write("sysrq", "");
        options.start_timeout = kAmple;
        options.stop_timeout = kAmple;
        auto runner =
            ChildRunner::create(*loop_, SchedExtReader(fixture.sched_ext()), ProcReader(), options);
        (*runner)->on_event([this](const RunnerEvent& event) {
            if (!std::holds_alternative<runner::Launched>(event))
                events.push_back(event);
            if (const auto* attached = std::get_if<runner::Attached>(&event))
                last_pid = attached->record.process.pid.value;
        });
        return *std::move(runner);
    }
    [[nodiscard]] SchedulerSpec spec(std::vector<std::string> args) const {
        args.insert(args.end(), {"--root", fixture.sched_ext()});
        // Under our scheduler's name, so that its exit codes are believed.
        const std::string program = fixture.dir().path("rustland");
        if (!std::filesystem::exists(program))
            std::filesystem::create_symlink(FAKE_SCHEDULER, program);
        return {program, std::move(args)};
    }
    template <typename T> const T& next() {
        const std::size_t count = ++taken_;
        EXPECT_TRUE(test::run_until(*loop_, [&] { return events.size() >= count; }));
        static const T none{};
        if (events.size() < count || !std::holds_alternative<T>(events[count - 1])) {
            ADD_FAILURE() << "another event, or none: " << last_reason();
            return none;
        }
        return std::get<T>(events[count - 1]);
    }
    // What the last event says, for a failure's message.
    [[nodiscard]] std::string last_reason() const {
        if (events.empty())
            return "none";
        if (const auto* failed = std::get_if<runner::StartFailed>(&events.back()))
            return "StartFailed: " + failed->exit.reason.str();
        if (const auto* exited = std::get_if<runner::Exited>(&events.back()))
            return "Exited: " + exited->exit.reason.str();
        return "event " + std::to_string(events.back().index());
    }
    [[nodiscard]] std::string state() const {
        return SchedExtReader(fixture.sched_ext()).read().state;
    }

    test::ProcFixture fixture;
    std::vector<RunnerEvent> events;
    pid_t last_pid = 0;
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<ChildRunner> runner_;
    std::size_t taken_ = 0;
};

} // namespace

TEST_F(ChildRunnerTest, StartAnswersOnceTheKernelShowsTheOps) {
    runner_->start(spec({"--ops", "myops"}), false);
    const auto& attached = next<runner::Attached>();
    EXPECT_EQ(attached.record.ops, "myops");
    EXPECT_EQ(state(), "enabled");
    EXPECT_GT(attached.record.process.start_time, 0U);
    EXPECT_EQ(::getsid(last_pid), last_pid) << "a session of its own";
    runner_->stop();
    const auto& stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.problem, "");
    EXPECT_EQ(stopped.exit.kind, ExitKind::Requested);
    EXPECT_EQ(state(), "disabled");
    EXPECT_FALSE(runner_->owns_kernel_scheduler());
}

TEST_F(ChildRunnerTest, AStartThatFailsSaysWhatTheSchedulerSaid) {
    runner_->start(spec({"--fail", "7"}), false);
    const auto& failed = next<runner::StartFailed>();
    EXPECT_EQ(failed.exit.kind, ExitKind::Failed);
    EXPECT_EQ(failed.exit.reason, "exited with status 7: fake scheduler: cannot load");
}

TEST_F(ChildRunnerTest, OneThatRefusesItsOptionsSaysWhatToDo) {
    runner_->start(spec({"--fail", "2"}), false);
    const auto& failed = next<runner::StartFailed>();
    EXPECT_EQ(failed.exit.kind, ExitKind::Misconfigured);
    EXPECT_EQ(failed.exit.reason, "exited with status 2: fake scheduler: cannot load; correct its "
                                  "options (scheduler_args), then sudo rustlandctl reload");
}

TEST_F(ChildRunnerTest, AMissingProgramFails) {
    runner_->start({"/nonexistent/scheduler", {}}, false);
    const ExitInfo exit = next<runner::StartFailed>().exit;
    EXPECT_EQ(exit.reason, "/nonexistent/scheduler: No such file or directory; correct scheduler= "
                           "or mend the file, then sudo rustlandctl reload");
    EXPECT_EQ(exit.kind, ExitKind::Misconfigured) << "it does not come by itself";
}

TEST_F(ChildRunnerTest, AFileThatIsNoProgramIsNotTriedAgain) {
    for (const char* content : {"just a text\n", "#!/nonexistent/interpreter\n"}) {
        const std::string file = fixture.dir().write("prog", content);
        ASSERT_EQ(::chmod(file.c_str(), 0755), 0);
        runner_->start({file, {}}, false);
        const ExitInfo exit = next<runner::StartFailed>().exit;
        EXPECT_EQ(exit.kind, ExitKind::Misconfigured) << content;
        EXPECT_EQ(exit.reason.str().find(file + ": "), 0U) << exit.reason.str();
        EXPECT_NE(exit.reason.str().find("; correct scheduler= or mend the file, then sudo "
                                         "rustlandctl reload"),
                  std::string::npos)
            << exit.reason.str();
    }
    std::filesystem::remove(fixture.dir().path("log"));
    std::filesystem::create_directories(fixture.dir().path("log"));
    runner_->start(spec({"--ops", "myops"}), false);
    EXPECT_EQ(next<runner::StartFailed>().exit.kind, ExitKind::Failed) << "not the program's fault";
}

TEST_F(ChildRunnerTest, AProgramThatOthersCanWriteIsNotRun) {
    const std::string file = fixture.dir().write("prog", "#!/bin/sh\n");
    ASSERT_EQ(::chmod(file.c_str(), 0777), 0);
    runner_->start({file, {}}, false);
    EXPECT_EQ(next<runner::StartFailed>().exit.reason.str().find(
                  file + ": can be written by others; chmod go-w it; "),
              0U);
}

TEST_F(ChildRunnerTest, AKernelWithoutSchedExtIsNamed) {
    std::filesystem::remove_all(fixture.sched_ext());
    runner_->start(spec({}), false);
    EXPECT_NE(next<runner::StartFailed>().exit.reason.str().find("CONFIG_SCHED_CLASS_EXT"),
              std::string::npos);
}

TEST_F(ChildRunnerTest, OneThatNeverAttachesIsStoppedAtTheDeadline) {
    runner_->configure(millis(200), millis(150));
    runner_->start(spec({"--never"}), false);
    const auto& failed = next<runner::StartFailed>();
    EXPECT_TRUE(failed.exit.reason.str().starts_with("not attached within 200ms"))
        << failed.exit.reason.str();
}

TEST_F(ChildRunnerTest, ADeafOneIsKilledAndAKernelThatStaysOnIsReported) {
    runner_->configure(kAmple, millis(150));
    runner_->start(spec({"--deaf"}), false);
    next<runner::Attached>();
    runner_->stop();
    const auto& stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.exit.signal, SIGKILL);
    EXPECT_EQ(stopped.exit.kind, ExitKind::Requested) << "the signal was ours";
    // Nobody plays the kernel that would have detached it.
    EXPECT_EQ(stopped.problem, "its process is gone, but the kernel still shows a scheduler");
}

TEST_F(ChildRunnerTest, AKilledOneIsReportedAsCrashed) {
    runner_->configure(kAmple, millis(150)); // the played kernel never lets go
    runner_->start(spec({}), false);
    next<runner::Attached>();
    ::kill(last_pid, SIGKILL);
    const auto& exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.kind, ExitKind::Crashed);
    EXPECT_EQ(exited.exit.signal, SIGKILL);
}

TEST_F(ChildRunnerTest, AnExitIsReportedOnlyOnceTheKernelHasLetGo) {
    runner_->start(spec({}), false);
    next<runner::Attached>();
    ::kill(last_pid, SIGKILL);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return ::kill(last_pid, 0) != 0; }));
    EXPECT_FALSE(test::run_until(
        *loop_, [&] { return events.size() > 1; }, millis(100)));
    EXPECT_TRUE(runner_->owns_kernel_scheduler());
    fixture.kernel("disabled", "", 1);
    EXPECT_EQ(next<runner::Exited>().exit.kind, ExitKind::Crashed);
    EXPECT_FALSE(runner_->owns_kernel_scheduler());
}

TEST_F(ChildRunnerTest, AStopWhileTheKernelLetsGoIsAnsweredByStopped) {
    runner_->start(spec({}), false);
    next<runner::Attached>();
    ::kill(last_pid, SIGKILL);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return ::kill(last_pid, 0) != 0; }));
    runner_->stop();
    fixture.kernel("disabled", "", 1);
    EXPECT_EQ(next<runner::Stopped>().exit.kind, ExitKind::Crashed) << "nobody had asked it yet";
}

// A process can take longer to die than the daemon to ask it to stop.
TEST_F(ChildRunnerTest, ASignalThatWasNotOursIsACrashDuringAStopAsWell) {
    runner_->start(spec({"--deaf"}), false);
    next<runner::Attached>();
    runner_->stop();
    ::kill(last_pid, SIGKILL);
    ASSERT_TRUE(test::run_until(*loop_, [&] { return ::kill(last_pid, 0) != 0; }));
    fixture.kernel("disabled", "", 1);
    const auto& stopped = next<runner::Stopped>();
    EXPECT_EQ(stopped.exit.kind, ExitKind::Crashed);
    EXPECT_EQ(stopped.exit.reason, "killed by SIGKILL");
}

TEST_F(ChildRunnerTest, AnEjectionDuringAStopIsNoEndThatWasAskedFor) {
    runner_->start(spec({"--exit", "10"}), false); // the exit status of the kernel's watchdog
    next<runner::Attached>();
    runner_->stop();
    EXPECT_EQ(next<runner::Stopped>().exit.kind, ExitKind::Stalled);
}

TEST_F(ChildRunnerTest, AnEjectedOneIsReportedWithItsLastWords) {
    runner_->start(spec({"--live", "300", "--exit", "10"}), false);
    next<runner::Attached>();
    const auto& exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.kind, ExitKind::Stalled);
    EXPECT_NE(exited.exit.dump.str().find("fake scheduler: ejected"), std::string::npos);
}

TEST_F(ChildRunnerTest, AnEjectedOneThatDoesNotEndIsMadeTo) {
    runner_->start(spec({"--live", "300", "--stay"}), false);
    next<runner::Attached>();
    ASSERT_TRUE(test::run_until(*loop_, [&] { return state() == "disabled"; }));
    runner_->kernel_changed();
    const auto& exited = next<runner::Exited>();
    EXPECT_EQ(exited.exit.kind, ExitKind::Ejected);
}

TEST_F(ChildRunnerTest, AStopDuringAStartIsAnsweredByStopped) {
    runner_->start(spec({"--never"}), false);
    runner_->stop();
    next<runner::Stopped>();
    EXPECT_EQ(events.size(), 1U);
}

TEST_F(ChildRunnerTest, AForeignSchedulerIsOnlyTakenOverFromOnRequest) {
    fixture.kernel("enabled", "scx_other", 4);
    runner_->start(spec({}), false);
    EXPECT_EQ(next<runner::StartFailed>().exit.reason,
              "the kernel already runs the scheduler scx_other");
    runner_->start(spec({}), true);
    ASSERT_TRUE(test::run_until(
        *loop_, [&] { return std::filesystem::file_size(fixture.dir().path("sysrq")) == 1; }));
    EXPECT_EQ(events.size(), 1U);
    fixture.kernel("disabled", "", 4);
    EXPECT_EQ(next<runner::Attached>().record.ops, "fake");
    runner_->stop();
    next<runner::Stopped>();
}

TEST_F(ChildRunnerTest, AnotherDaemonAdoptsAndStopsIt) {
    runner_->start(spec({}), false);
    const RunRecord record = next<runner::Attached>().record;
    runner_ = make(); // the first daemon is gone, the scheduler is not
    EXPECT_EQ(state(), "enabled");
    RunRecord reused = record;
    reused.process.start_time += 1;
    EXPECT_EQ(runner_->adopt(reused), Adopted::No) << "another process with that number";
    ASSERT_EQ(runner_->adopt(record), Adopted::Running);
    runner_->stop();
    EXPECT_EQ(next<runner::Stopped>().problem, "");
    EXPECT_EQ(runner_->adopt(record), Adopted::No) << "gone";
}
