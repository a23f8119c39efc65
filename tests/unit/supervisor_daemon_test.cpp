// SPDX-License-Identifier: GPL-2.0-only
// The daemon on a played /proc and /sys with a runner that does as the test says.
#include "supervisor/system/daemon.hpp"
#include "support/fake_runner.hpp"
#include "support/proc_fixture.hpp"
#include "support/wait.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;

namespace {

constexpr const char* kConfig = "[supervisor]\nscheduler = /opt/sched\nlinger = 50ms\n"
                                "min_dwell = 0\nrestart_initial = 20ms\ncrash_limit = 3/1min\n"
                                "[workload game]\nprogram = game\n"
                                "[workload big]\ncgroup = /games/*\npriority = 3\n"
                                "scheduler = /opt/big\n"
                                "[workload no]\nprogram = helper\ndeny = yes\n";

class DaemonTest : public testing::Test {
  protected:
    DaemonTest() : loop(*Loop::create()) { fixture.dir().write("conf", kConfig); }

    DaemonOptions options() {
        DaemonOptions o;
        o.config_file = fixture.dir().path("conf");
        o.run_dir = fixture.dir().path("run");
        o.sysfs_root = fixture.sysfs();
        o.scheduler_socket = fixture.dir().path("scheduler.sock");
        o.uevents = false;
        o.detector.proc_root = fixture.proc();
        o.detector.cgroup_root = fixture.dir().path("cgroup");
        o.detector.process_events = false;
        o.detector.open_pidfd = [this](Pid pid) { return fixture.open_pidfd(pid); };
        o.make_runner = [this](Loop&, RunnerKind) {
            auto made = std::make_unique<test::FakeRunner>(fixture);
            runner = made.get();
            runner->adoptable = adoptable;
            return Result<std::unique_ptr<SchedulerRunner>>(std::move(made));
        };
        return o;
    }
    void boot() {
        daemon.reset();
        auto made = Daemon::create(*loop, options());
        ASSERT_TRUE(made) << made.error().message();
        daemon = *std::move(made);
    }
    void game(int pid, const std::string& program = "game", int parent = 1,
              const std::string& cgroup = "/user.slice", std::uint64_t start = 100) {
        fixture.add(
            {pid, parent, program.substr(0, 15), {"/x/" + program}, cgroup, "", start, 1000});
        exec(pid);
    }
    void exec(int pid) {
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Exec, Pid{pid}, Pid{pid}}});
    }
    void rename(int pid, int tgid) {
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Comm, Pid{pid}, Pid{tgid}}});
    }
    template <typename Done> bool until(const Done& done) { return test::run_until(*loop, done); }
    json ask(json request, uid_t uid = 0, ClientId client = 1) {
        const std::size_t before = answers.size();
        daemon->request({client, uid, Pid{1}}, request,
                        [this](const json& answer) { answers.push_back(answer); });
        return answers.size() > before ? answers.back() : json();
    }
    std::string phase() { return daemon->status()["state"]; }

    test::ProcFixture fixture;
    std::unique_ptr<Loop> loop;
    test::FakeRunner* runner = nullptr;
    bool adoptable = false;
    std::vector<json> answers;
    std::unique_ptr<Daemon> daemon;
};

} // namespace

TEST_F(DaemonTest, AGameTurnsTheSchedulerOnAndItsEndOff) {
    boot();
    game(50);
    ASSERT_TRUE(runner->starting);
    EXPECT_EQ(runner->starting->path, "/opt/sched");
    runner->attach();
    EXPECT_EQ(phase(), "on");
    EXPECT_EQ(daemon->status()["workloads"][0]["rule"], "game");
    fixture.end(50);
    ASSERT_TRUE(until([&] { return runner->stopping; }));
    runner->stopped();
    EXPECT_EQ(phase(), "off");
    EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("run/state.json")));
}

TEST_F(DaemonTest, AGameThatRunsAlreadyIsFoundAtTheStart) {
    fixture.add({50, 1, "game", {"game"}, "/user.slice", "", 100, 1000});
    boot();
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, AProcessThatJoinsItsCgroupLateIsFoundByALaterLook) {
    boot();
    game(50, "launcher");
    EXPECT_FALSE(runner->starting);
    fixture.add({50, 1, "launcher", {"/x/launcher"}, "/games/one.scope", "", 100, 1000});
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    EXPECT_EQ(runner->starting->path, "/opt/big");
}

TEST_F(DaemonTest, AThreadsNameIsIgnoredAndAProcesssNameIsNot) {
    boot();
    fixture.add({50, 1, "x", {"/x/game"}, "/user.slice", "", 100, 1000});
    rename(51, 50);
    EXPECT_FALSE(runner->starting);
    rename(50, 50);
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, AChildKeepsTheWorkloadWhenItsParentEnds) {
    boot();
    game(50);
    runner->attach();
    game(60, "child", 50);
    game(61, "helper", 50);
    EXPECT_EQ(daemon->status()["workloads"][0]["processes"], 2) << "the helper is denied";
    fixture.end(50);
    ASSERT_TRUE(until([&] { return daemon->status()["workloads"][0]["processes"] == 1; }));
    EXPECT_EQ(phase(), "on");
    fixture.end(60);
    ASSERT_TRUE(until([&] { return runner->stopping; }));
}

TEST_F(DaemonTest, AChildThatForkedWithoutExecIsFoundThroughItsParent) {
    boot();
    game(50);
    runner->attach();
    fixture.add({60, 50, "game", {"/y/other"}, "/user.slice", "", 105, 1000});
    fixture.children(50, "60 ");
    // The second look at the game also looks at its children.
    ASSERT_TRUE(until([&] { return daemon->status()["workloads"][0]["processes"] == 2; }));
}

TEST_F(DaemonTest, AStormOfShortProcessesLosesNoWorkload) {
    boot();
    std::vector<ProcessEvent> storm;
    for (int pid = 1000; pid < 3000; ++pid)
        storm.push_back({ProcessEvent::Kind::Exec, Pid{pid}, Pid{pid}});
    fixture.add({2999, 1, "game", {"/x/game"}, "/user.slice", "", 100, 1000});
    const_cast<Detector&>(daemon->detector()).handle(storm);
    EXPECT_GT(daemon->detector().statistics().postponed, 1000U);
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
}

TEST_F(DaemonTest, AnEjectedSchedulerIsStartedAgainAndThenQuarantined) {
    boot();
    game(50);
    runner->attach();
    runner->die(ExitKind::Stalled);
    EXPECT_EQ(phase(), "off");
    EXPECT_EQ(daemon->status()["last_exit"]["kind"], "stalled");
    EXPECT_EQ(daemon->status()["last_exit"]["dump"], "its last words");
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    runner->fail("broken");
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    runner->fail("broken");
    EXPECT_EQ(daemon->status()["quarantined"][0]["reason"], "broken");
    const json refused = ask({{"request", "start"}});
    EXPECT_EQ(refused["ok"], false);
    EXPECT_NE(refused["error"].get<std::string>().find("quarantine"), std::string::npos);
    EXPECT_EQ(ask({{"request", "reset-failed"}})["ok"], true);
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, StartAnswersWhenItIsAttachedOrHasFailed) {
    boot();
    EXPECT_TRUE(ask({{"request", "start"}}).is_null()) << "not before it is known";
    runner->fail("no such thing");
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0], (json{{"ok", false}, {"error", "no such thing"}}));
    ask({{"request", "start"}, {"scheduler", "/opt/x"}, {"arguments", {"-v"}}});
    runner->attach();
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[1]["ok"], true);
    EXPECT_EQ(answers[1]["status"]["scheduler"], "/opt/x");
    ask({{"request", "stop"}});
    EXPECT_EQ(answers.size(), 2U);
    runner->stopped();
    EXPECT_EQ(answers.at(2)["ok"], true);
}

TEST_F(DaemonTest, SwitchStopsTheOldOneFirst) {
    boot();
    ask({{"request", "start"}});
    runner->attach();
    ask({{"request", "switch"}, {"scheduler", "/opt/x"}});
    ASSERT_TRUE(runner->stopping && !runner->starting);
    runner->stopped();
    ASSERT_TRUE(runner->starting);
    EXPECT_EQ(runner->starting->path, "/opt/x");
    runner->attach();
    EXPECT_EQ(answers.back()["status"]["scheduler"], "/opt/x");
}

TEST_F(DaemonTest, RestartStartsTheSameAgain) {
    boot();
    EXPECT_EQ(ask({{"request", "restart"}})["ok"], false) << "nothing runs";
    ask({{"request", "start"}});
    runner->attach();
    const std::size_t before = answers.size();
    ask({{"request", "restart"}});
    EXPECT_EQ(answers.size(), before);
    runner->stopped();
    runner->attach();
    EXPECT_EQ(answers.size(), before + 1);
    EXPECT_EQ(runner->starts, 2);
}

TEST_F(DaemonTest, AHoldEndsWithItsOwner) {
    boot();
    ask({{"request", "hold"}, {"reason", "test"}}, 0, 7);
    runner->attach();
    EXPECT_EQ(answers.back()["cookie"], 1);
    EXPECT_EQ(daemon->status()["holds"][0]["reason"], "test");
    EXPECT_EQ(ask({{"request", "release"}, {"cookie", 9}})["ok"], false);
    EXPECT_EQ(ask({{"request", "release"}, {"cookie", 1}})["ok"], true);
    EXPECT_TRUE(runner->stopping);
}

TEST_F(DaemonTest, OthersMayLookButNotTouch) {
    boot();
    constexpr uid_t user = 1234567;
    for (const char* name :
         {"start", "stop", "restart", "switch", "hold", "release", "reload", "reset-failed"})
        EXPECT_EQ(ask({{"request", name}}, user)["ok"], false) << name;
    for (const char* name : {"status", "list", "history"})
        EXPECT_EQ(ask({{"request", name}}, user)["ok"], true) << name;
    fixture.add({50, 1, "x", {"x"}, "/", "", 100, 1000});
    EXPECT_EQ(ask({{"request", "explain"}, {"pid", 50}}, user)["ok"], false);
    EXPECT_EQ(ask({{"request", "explain"}, {"pid", 50}}, 1000)["ok"], true);
    EXPECT_EQ(runner->starts, 0);
}

TEST_F(DaemonTest, RefusesRequestsThatMakeNoSense) {
    boot();
    const std::vector<json> bad = {{{"request", "dance"}},
                                   {{"request", "start"}, {"scheduler", "relative"}},
                                   {{"request", "start"}, {"scheduler", 7}},
                                   {{"request", "start"}, {"arguments", "x"}},
                                   {{"request", "start"}, {"arguments", {1}}},
                                   {{"request", "hold"}, {"pid", 99999}},
                                   {{"request", "explain"}},
                                   {{"request", "explain"}, {"pid", -1}},
                                   {{"request", "explain"}, {"pid", 1e30}},
                                   {{"request", "release"}, {"cookie", -1}}};
    for (const json& request : bad)
        EXPECT_EQ(ask(request)["ok"], false) << request.dump();
    EXPECT_EQ(runner->starts, 0);
}

TEST_F(DaemonTest, ABadReloadKeepsTheOldConfiguration) {
    boot();
    game(50);
    runner->attach();
    fixture.dir().write("conf", "[workload game]\ncomm = \n[oops]\n");
    const json answer = ask({{"request", "reload"}});
    EXPECT_EQ(answer["ok"], false);
    EXPECT_NE(answer["error"].get<std::string>().find("conf:3: [oops] unknown section"),
              std::string::npos);
    EXPECT_EQ(phase(), "on");
    EXPECT_FALSE(runner->stopping);
    fixture.dir().write("conf", "[supervisor]\nmin_dwell = 0\n");
    EXPECT_EQ(ask({{"request", "reload"}})["ok"], true);
    EXPECT_TRUE(runner->stopping) << "its rule is gone";
}

TEST_F(DaemonTest, AReloadFindsWhatTheNewRulesTake) {
    boot();
    game(50, "other");
    EXPECT_FALSE(runner->starting);
    fixture.dir().write("conf", "[workload o]\nprogram = other\n");
    ask({{"request", "reload"}});
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, ABadConfigurationAtTheStartIsRefused) {
    fixture.dir().write("conf", "[supervisor]\nlinger = x\n[oops]\n");
    const auto made = Daemon::create(*loop, options());
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message().find("conf:2: [supervisor] linger: "), std::string::npos);
    EXPECT_NE(made.error().message().find("conf:3: [oops]"), std::string::npos) << "all of them";
}

TEST_F(DaemonTest, AForeignSchedulerIsReportedAndLeftAlone) {
    fixture.kernel("enabled", "scx_other", 1);
    boot();
    game(50);
    EXPECT_EQ(runner->starts, 0);
    EXPECT_EQ(daemon->status()["foreign"], "scx_other");
    EXPECT_EQ(ask({{"request", "start"}})["ok"], false);
    ask({{"request", "start"}, {"take_over", true}});
    ASSERT_TRUE(runner->starting);
    EXPECT_TRUE(runner->took_over);
}

TEST_F(DaemonTest, AScanNoticesThatAForeignSchedulerWentWhereNoUeventTells) {
    fixture.kernel("enabled", "scx_other", 1);
    boot();
    game(50);
    fixture.kernel("disabled", "", 1);
    const_cast<Detector&>(daemon->detector()).scan();
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, TheNextDaemonAdoptsWhatWasLeftRunning) {
    boot();
    game(50);
    runner->attach();
    adoptable = true;
    boot();
    EXPECT_EQ(phase(), "on");
    EXPECT_EQ(runner->starts, 0);
    fixture.end(50);
    std::filesystem::remove_all(fixture.dir().path("proc/50"));
    boot();
    EXPECT_TRUE(runner->stopping) << "no workload is left";
}

TEST_F(DaemonTest, AnUnusableStateFileIsPutAside) {
    fixture.dir().write("run/state.json", "rubbish");
    boot();
    EXPECT_EQ(phase(), "off");
    EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("run/state.json")));
}

TEST_F(DaemonTest, ShutdownWaitsForTheSchedulerOrLeavesIt) {
    boot();
    game(50);
    runner->attach();
    daemon->shutdown(false);
    EXPECT_TRUE(runner->stopping);
    runner->stopped();
    const auto code = loop->run();
    EXPECT_EQ(*code, 0);
    loop = *Loop::create();
    boot();
    runner->attach();
    daemon->shutdown(true);
    EXPECT_TRUE(runner->running);
    EXPECT_EQ(*loop->run(), 0);
    EXPECT_TRUE(std::filesystem::exists(fixture.dir().path("run/state.json")));
}

TEST_F(DaemonTest, SleepStopsAndWakingStartsAgain) {
    boot();
    game(50);
    runner->attach();
    daemon->sleep(true);
    ASSERT_TRUE(runner->stopping);
    runner->stopped();
    EXPECT_FALSE(runner->starting);
    daemon->sleep(false);
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, MonitorsSeeWhatHappens) {
    boot();
    ask({{"request", "monitor"}}, 1000, 9);
    EXPECT_EQ(answers.back()["event"], "status");
    game(50);
    std::vector<std::string> events;
    for (const json& a : answers)
        events.push_back(a["event"]);
    EXPECT_THAT(events, testing::ElementsAre("status", "workload", "start"));
    EXPECT_EQ(ask({{"request", "history"}})["history"].size(), 3U) << "with the daemon's start";
}

TEST_F(DaemonTest, ExplainSaysWhyAProcessIsOrIsNotAWorkload) {
    boot();
    game(50, "helper");
    const json e = ask({{"request", "explain"}, {"pid", 50}})["explanation"];
    EXPECT_EQ(e["denied"], true);
    EXPECT_EQ(e["decided_by"], "no");
    EXPECT_EQ(e["rules"].size(), 3U);
}
