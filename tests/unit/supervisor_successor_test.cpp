// SPDX-License-Identifier: GPL-2.0-only
// What a daemon leaves when it ends, and what the next one makes of it.
#include "rustland/common/file.hpp"
#include "support/daemon_test.hpp"

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;

namespace {
constexpr uid_t kOperator = 4711;
} // namespace

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

TEST_F(DaemonTest, ItIsOnSinceItWasTurnedOnWhicheverDaemonRuns) {
    constexpr Nanos on_for = millis(120);
    boot();
    game(50);
    runner->attach();
    until([] { return false; }, on_for);
    adoptable = true;
    boot();
    ASSERT_EQ(phase(), "on");
    EXPECT_GE(daemon->status()["uptime_ms"].get<std::int64_t>() * 1'000'000, on_for.value);
    // By the clock of an earlier boot, or of nobody's.
    const std::string path = fixture.dir().path("run/state.json");
    json state = json::parse(*read_file(path));
    state["attached_ns"] = std::numeric_limits<std::int64_t>::max();
    fixture.dir().write("run/state.json", state.dump());
    boot();
    EXPECT_LT(daemon->status()["uptime_ms"].get<std::int64_t>(), 60'000);
    EXPECT_GE(daemon->status()["uptime_ms"].get<std::int64_t>(), 0);
}

TEST_F(DaemonTest, WhatAnEarlierDaemonLeftIsNobodyElses) {
    const auto said = [&] {
        const json answer = ask({{"request", "history"}});
        std::string all;
        for (const json& entry : answer["history"])
            all += entry["text"].get<std::string>() + "\n";
        return all;
    };
    boot();
    game(50);
    runner->attach();
    adoptable = true;
    boot();
    EXPECT_EQ(phase(), "on");
    EXPECT_EQ(said().find("attached: "), std::string::npos) << said();
    EXPECT_EQ(said().find("somebody else"), std::string::npos) << said();
    adoptable = false;
    boot();
    EXPECT_EQ(phase(), "off");
    EXPECT_NE(said().find("attached: fake, which somebody else started"), std::string::npos)
        << said();
}

TEST_F(DaemonTest, TheNextDaemonAwaitsAStartThatIsUnderWay) {
    boot();
    game(50);
    ASSERT_TRUE(runner->starting);
    runner->launch();
    adoptable = true;
    boot();
    EXPECT_EQ(phase(), "starting");
    EXPECT_EQ(runner->starts, 0) << "another beside it";
    runner->attach();
    EXPECT_EQ(phase(), "on");
    runner->launch();
    boot();
    daemon->shutdown(true);
    EXPECT_TRUE(runner->starting) << "left to the next daemon";
    EXPECT_EQ(*loop->run(), 0);
}

TEST_F(DaemonTest, WhatSomebodyRemovedFromItsFolderComesBack) {
    const std::string run = fixture.dir().path("run");
    boot();
    game(50);
    runner->attach();
    std::filesystem::remove_all(run);
    daemon->sleep(false); // a scan follows
    EXPECT_TRUE(std::filesystem::exists(run + "/state.json"));
    EXPECT_TRUE(std::filesystem::is_socket(run + "/control.sock"));
    std::filesystem::remove_all(run);
    daemon->shutdown(true);
    EXPECT_TRUE(std::filesystem::exists(run + "/state.json")) << "without a scan, too";
    EXPECT_EQ(*loop->run(), 0);
    loop = *Loop::create();
    adoptable = true;
    boot();
    EXPECT_EQ(phase(), "on");
    EXPECT_EQ(runner->starts, 0) << "the next daemon has taken it over";
}

TEST_F(DaemonTest, AStopOutlivesWhatSomebodyRemovedFromItsFolder) {
    boot();
    ask({{"request", "stop"}});
    std::filesystem::remove_all(fixture.dir().path("run"));
    daemon->shutdown(true);
    EXPECT_EQ(*loop->run(), 0);
    loop = *Loop::create();
    boot();
    game(50);
    EXPECT_FALSE(runner->starting);
    EXPECT_TRUE(daemon->status()["stopped"].is_object());
}

TEST_F(DaemonTest, WhatNoLaterDaemonWouldFindIsNotLeftRunning) {
    const std::string run = fixture.dir().path("run");
    boot();
    game(50);
    runner->attach();
    std::filesystem::remove_all(run);
    fixture.dir().write("run", "no folder, and none can be made");
    daemon->shutdown(true);
    ASSERT_TRUE(runner->stopping);
    runner->stopped();
    EXPECT_EQ(*loop->run(), 0);
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

TEST_F(DaemonTest, WhatAPersonStartedOutlivesARestartOfTheDaemon) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "start"}}); // on already; now it is wanted without the game, too
    adoptable = true;
    fixture.end(50);
    boot();
    EXPECT_EQ(phase(), "on");
    EXPECT_FALSE(runner->stopping);
    ask({{"request", "stop"}});
    EXPECT_TRUE(runner->stopping);
}

TEST_F(DaemonTest, AStopByCommandOutlivesARestartOfTheDaemon) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "stop"}}, kOperator, 1, Right::Manage);
    runner->stopped();
    const json stopped = daemon->status()["stopped"];
    ASSERT_TRUE(stopped.is_object()) << daemon->status().dump();
    EXPECT_EQ(stopped["uid"], kOperator);
    const std::int64_t since = stopped["since_ms"];
    EXPECT_GT(since, 0);
    boot(); // an upgrade, or a crash
    EXPECT_FALSE(runner->starting) << "the game still runs";
    game(60);
    EXPECT_FALSE(runner->starting) << "a new one";
    EXPECT_EQ(daemon->status()["stopped"]["since_ms"], since);
    EXPECT_EQ(daemon->status()["stopped"]["uid"], kOperator);
    EXPECT_EQ(daemon->status()["why"],
              "stopped by command of user 4711, until rustlandctl resume or start");
    EXPECT_EQ(ask({{"request", "resume"}})["ok"], true);
    EXPECT_TRUE(runner->starting);
    EXPECT_TRUE(daemon->status()["stopped"].is_null());
    runner->attach();
    runner->die(ExitKind::Restart);
    boot();
    EXPECT_TRUE(runner->starting) << "undone for the next daemon, too";
}

TEST_F(DaemonTest, WhatIsToRunAlwaysIsStartedAtOnceUnlessItWasStopped) {
    fixture.dir().write("conf", std::string("[supervisor]\nscheduler = /opt/sched\n") +
                                    "default_action = start\nmin_dwell = 0\n");
    boot();
    ASSERT_TRUE(runner->starting) << phase();
    runner->attach();
    ask({{"request", "stop"}});
    runner->stopped();
    boot();
    EXPECT_FALSE(runner->starting);
    EXPECT_EQ(phase(), "off");
    ask({{"request", "resume"}});
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, TheNextDaemonCompletesAStopThatWasUnderWay) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "stop"}});
    ASSERT_TRUE(runner->stopping); // and the daemon is killed before it has stopped
    adoptable = true;
    boot();
    EXPECT_TRUE(runner->stopping) << "taken over, and stopped";
    runner->stopped();
    EXPECT_EQ(phase(), "off");
    EXPECT_EQ(daemon->status()["why"],
              "stopped by command of root, until rustlandctl resume or start");
}

TEST_F(DaemonTest, TheEndOfTheDaemonIsNoStopByCommand) {
    boot();
    game(50);
    runner->attach();
    daemon->shutdown(false);
    runner->stopped();
    boot();
    EXPECT_TRUE(runner->starting);
    EXPECT_TRUE(daemon->status()["stopped"].is_null());
}

TEST_F(DaemonTest, AnUnusableRecordOfAStopIsPutAside) {
    for (const char* text : {"rubbish", "{}", R"({"version": 1, "since_ms": "x", "uid": -1})"}) {
        fixture.dir().write("run/stopped.json", text);
        boot();
        game(50);
        EXPECT_TRUE(runner->starting) << text;
        EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("run/stopped.json"))) << text;
    }
}
