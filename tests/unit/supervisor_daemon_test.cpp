// SPDX-License-Identifier: GPL-2.0-only
// Workloads, the scheduler and the daemon's own life.
#include "support/daemon_test.hpp"

#include <gmock/gmock.h>
#include <sys/xattr.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;
using testing::HasSubstr;

namespace {
constexpr uid_t kOperator = 4711;
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
    fixture.add({50, 1, "game", {"game"}, "/user.slice", "", 100, 4711});
    boot();
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, AProcessThatJoinsItsCgroupLateIsFoundByALaterLook) {
    boot();
    game(50, "launcher");
    EXPECT_FALSE(runner->starting);
    fixture.add({50, 1, "launcher", {"/x/launcher"}, "/games/one.scope", "", 100, 4711});
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    EXPECT_EQ(runner->starting->path, "/opt/big");
}

TEST_F(DaemonTest, AThreadsNameIsIgnoredAndAProcesssNameIsNot) {
    boot();
    fixture.add({50, 1, "x", {"/x/game"}, "/user.slice", "", 100, 4711});
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
    fixture.add({60, 50, "game", {"/y/other"}, "/user.slice", "", 105, 4711});
    fixture.children(50, "60 ");
    // The second look at the game also looks at its children.
    ASSERT_TRUE(until([&] { return daemon->status()["workloads"][0]["processes"] == 2; }));
}

TEST_F(DaemonTest, AStormOfShortProcessesLosesNoWorkload) {
    boot();
    std::vector<ProcessEvent> storm;
    for (int pid = 1000; pid < 3000; ++pid)
        storm.push_back({ProcessEvent::Kind::Exec, Pid{pid}, Pid{pid}});
    fixture.add({2999, 1, "game", {"/x/game"}, "/user.slice", "", 100, 4711});
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

TEST_F(DaemonTest, ACrashDuringAStopIsOnRecordAndNotHeldAgainstAnotherStart) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "stop"}});
    ASSERT_TRUE(runner->stopping);
    runner->stopped(ExitKind::Crashed);
    EXPECT_EQ(daemon->status()["last_exit"]["kind"], "crashed");
    const json answer = ask({{"request", "history"}});
    std::vector<std::string> texts;
    for (const json& entry : answer["history"])
        texts.push_back(entry["event"].get<std::string>() + ": " +
                        entry["text"].get<std::string>());
    ASSERT_GE(texts.size(), 2U);
    EXPECT_EQ(texts[texts.size() - 2], "exited: crashed: its end");
    EXPECT_EQ(texts.back(), "stopped: detached");
    EXPECT_TRUE(daemon->status()["quarantined"].empty());
    ask({{"request", "start"}});
    EXPECT_TRUE(runner->starting) << "at once: nothing counts against it";
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

TEST_F(DaemonTest, AGameThatNoRuleKnowsIsFoundByWhatItDraws) {
    fixture.dir().write("conf", std::string(test::kConfig) +
                                    "[workload unknown]\ngpu = 20%\ncgroup = */app.slice/*\n");
    auto with_seats = options();
    with_seats.detector.seated = [](uid_t uid, Pid) { return uid == 4711; };
    auto made = Daemon::create(*loop, std::move(with_seats));
    ASSERT_TRUE(made) << made.error().message();
    daemon = *std::move(made);
    const auto drew = [&](int pid, const std::string& ns) {
        fixture.open_file(pid, 4, "/dev/dri/renderD128",
                          "drm-driver: amdgpu\ndrm-client-id: 1\ndrm-engine-gfx: " + ns + " ns\n");
    };
    const auto scan = [&] { const_cast<Detector&>(daemon->detector()).scan(); };
    const std::string scope = "/user.slice/app.slice/app-x-1.scope";
    game(60, "mystery", 1, scope);
    game(61, "elsewhere");
    fixture.add({62, 1, "remote", {"/x/remote"}, scope, "", 100, 1001});
    for (const int pid : {60, 61, 62})
        drew(pid, "0");
    scan();
    EXPECT_FALSE(runner->starting) << "one look tells no share";
    for (const int pid : {60, 61, 62})
        drew(pid, "99000000000000");
    scan();
    EXPECT_TRUE(runner->starting);
    const auto& workloads = daemon->detector().workloads();
    EXPECT_NE(workloads.find(Pid{60}), nullptr);
    EXPECT_EQ(workloads.find(Pid{61}), nullptr) << "the other key does not hold";
    EXPECT_EQ(workloads.find(Pid{62}), nullptr) << "its user does not sit here";
    drew(60, "99000000000000");
    scan();
    EXPECT_NE(workloads.find(Pid{60}), nullptr) << "a member stays one";
}

TEST_F(DaemonTest, AWorkloadLeavesTheForegroundWithTheUsersAttention) {
    fixture.dir().write("conf", "[supervisor]\nscheduler = /opt/rustland\n"
                                "[workload game]\nprogram = game\nfollow_focus = yes\n"
                                "[workload other]\nprogram = other\n");
    const std::string scope = "/user@1000.service/app.slice/app-game-1.scope";
    const std::string folder = fixture.dir().path("cgroup") + scope;
    std::filesystem::create_directories(folder);
    const auto tell = [&](const std::string& text) {
        return ::setxattr(folder.c_str(), "user.xdg.inactive-since", text.data(), text.size(), 0);
    };
    if (tell("-1") != 0)
        GTEST_SKIP() << "this file system has no attributes";
    // What plays the scheduler takes whatever it is told.
    std::vector<int> foreground;
    ControlServer* answers_to = nullptr;
    const auto scheduler =
        ControlServer::listen(*loop, options().scheduler_socket,
                              {[&](const Peer& peer, const json& body) {
                                   foreground = body["foreground"].get<std::vector<int>>();
                                   answers_to->send(peer.id, {{"ok", true}});
                               },
                               [](ClientId) {}, [](ClientId) { return false; }},
                              ControlServer::kLimits);
    ASSERT_TRUE(scheduler);
    answers_to = scheduler->get();
    boot();
    game(50, "game", 1, scope);
    game(60, "other", 1, scope);
    runner->attach();
    const auto told = [&](const std::vector<int>& pids) {
        return until([&] { return foreground == pids; });
    };
    EXPECT_TRUE(told({50, 60}));
    ASSERT_EQ(tell("1764410000"), 0);
    EXPECT_TRUE(told({60})) << "one whose rule does not follow stays";
    EXPECT_TRUE(runner->running) << "the scheduler stays on";
    ASSERT_EQ(tell("-1"), 0);
    EXPECT_TRUE(told({50, 60}));
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

TEST_F(DaemonTest, ASchedulerThatRefusesItsOptionsIsTriedOnceAndSaysWhatToDo) {
    boot();
    game(50);
    runner->fail("exited with status 2: no such option", ExitKind::Misconfigured);
    EXPECT_FALSE(until([&] { return runner->starts > 1; }, millis(300))) << "tried again";
    const json status = daemon->status();
    ASSERT_EQ(status["quarantined"].size(), 1U);
    EXPECT_EQ(status["why"], "/opt/sched is in quarantine: exited with status 2: no such option");
    EXPECT_THAT(std::string(ask({{"request", "start"}})["error"]), HasSubstr("no such option"));
    EXPECT_EQ(ask({{"request", "reload"}})["ok"], true);
    EXPECT_TRUE(runner->starting) << "a new configuration";
    runner->fail("exited with status 2: no such option", ExitKind::Misconfigured);
    EXPECT_FALSE(runner->starting);
    EXPECT_EQ(ask({{"request", "resume"}})["ok"], true);
    EXPECT_TRUE(runner->starting) << "a person who has mended the program";
}
