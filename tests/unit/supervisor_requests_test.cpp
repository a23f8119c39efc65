// SPDX-License-Identifier: GPL-2.0-only
// What the daemon answers to whom.
#include "support/daemon_test.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;

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

// Its workload's scheduler comes up in place of the one that was asked for: no success.
TEST_F(DaemonTest, AStartThatFailsWhileAGameRunsIsAnsweredAsAFailure) {
    boot();
    game(50);
    runner->attach();
    for (const char* verb : {"start", "switch"}) {
        const std::size_t before = answers.size();
        ask({{"request", verb},
             {"scheduler", "/opt/sched"},
             {"arguments", {"--policy", "nosuch"}}});
        ASSERT_TRUE(runner->stopping);
        runner->stopped();
        runner->fail(std::string("no policy nosuch, ") + verb, ExitKind::Misconfigured);
        ASSERT_EQ(answers.size(), before + 1) << "answered when it is known";
        EXPECT_EQ(answers.back()["ok"], false);
        EXPECT_EQ(answers.back()["error"], std::string("no policy nosuch, ") + verb);
        ASSERT_TRUE(runner->starting) << "the game has its own";
        runner->attach();
        EXPECT_EQ(answers.size(), before + 1);
        EXPECT_EQ(daemon->status()["arguments"], json::array());
        ask({{"request", "reset-failed"}});
    }
}

TEST_F(DaemonTest, AStartThatAnotherStartReplacesIsNoSuccess) {
    boot();
    ask({{"request", "start"}, {"scheduler", "/opt/a"}});
    ask({{"request", "start"}, {"scheduler", "/opt/b"}}, 0, 2);
    ASSERT_TRUE(answers.empty());
    runner->attach();
    // A person's start does not wait for the minimum time, also where it came during another one.
    ASSERT_TRUE(runner->stopping) << phase();
    runner->stopped();
    ASSERT_EQ(runner->starting->path, "/opt/b");
    runner->attach();
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[0]["ok"], false);
    EXPECT_EQ(answers[0]["error"], "/opt/b is on instead: started by command");
    EXPECT_EQ(answers[1]["ok"], true);
    EXPECT_EQ(answers[1]["status"]["scheduler"], "/opt/b");
}

TEST_F(DaemonTest, AStopThatCannotBeDoneNowIsAnsweredWithWhatItWaitsFor) {
    fixture.dir().write(
        "conf",
        std::string(test::kConfig).insert(sizeof("[supervisor]"), "stop_timeout = 100ms\n"));
    boot();
    game(50);
    runner->attach();
    runner->holds_a_stop = "systemd cannot be asked";
    ask({{"request", "stop"}});
    const std::size_t before = answers.size();
    EXPECT_TRUE(until([&] { return answers.size() > before; })) << "it hangs";
    EXPECT_EQ(answers.back()["ok"], false);
    EXPECT_EQ(answers.back()["error"],
              "not stopped yet: systemd cannot be asked; it stops once that "
              "is possible (rustlandctl status)");
    EXPECT_EQ(phase(), "stopping");
    runner->stopped();
    EXPECT_EQ(answers.size(), before + 1) << "answered once";
    EXPECT_EQ(phase(), "off");
    EXPECT_EQ(daemon->status()["stopped"].is_object(), true) << "the stop is in force";
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
    fixture.add({50, 1, "x", {"x"}, "/", "", 100, 4711});
    EXPECT_EQ(ask({{"request", "explain"}, {"pid", 50}}, user)["ok"], false);
    EXPECT_EQ(ask({{"request", "explain"}, {"pid", 50}}, 4711)["ok"], true);
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

TEST_F(DaemonTest, MonitorsSeeWhatHappens) {
    boot();
    ask({{"request", "monitor"}}, 4711, 9);
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

TEST_F(DaemonTest, AHoldMayBeGivenToOthersButNotAProgramNorOtherUsersProcesses) {
    boot();
    constexpr uid_t user = 4711;
    fixture.add({50, 1, "mine", {"mine"}, "/", "", 100, user});
    fixture.add({51, 1, "theirs", {"theirs"}, "/", "", 100, user + 1});
    const auto hold = [&](const json& more) {
        json request = {{"request", "hold"}};
        request.update(more);
        const std::size_t before = answers.size();
        ask(request, user, 7, Right::Hold);
        return answers.size() > before ? answers.back()["error"].get<std::string>() : "waits";
    };
    EXPECT_EQ(hold({{"scheduler", "/opt/x"}}), "only an administrator may hold another scheduler");
    EXPECT_EQ(hold({{"arguments", {"-v"}}}), "only an administrator may hold another scheduler");
    EXPECT_EQ(hold({{"pid", 51}}), "process 51 belongs to another user");
    EXPECT_EQ(runner->starts, 0);
    EXPECT_EQ(hold({{"pid", 50}}), "waits");
    runner->attach();
    for (int i = 1; i < 16; ++i)
        ask({{"request", "hold"}}, user, 7, Right::Hold);
    EXPECT_EQ(hold(json::object()), "this user has 16 holds already");
    const json release = {{"request", "release"}, {"cookie", 1}};
    EXPECT_EQ(ask(release, user, 8)["ok"], false) << "no right to it";
    EXPECT_EQ(ask(release, user + 1, 8, Right::Hold)["error"],
              "hold 1 belongs to another user: sudo rustlandctl release 1");
    EXPECT_EQ(ask(release, user, 8, Right::Hold)["ok"], true);
}

TEST_F(DaemonTest, AHoldByPidfdEndsWithItsProcessAndNotWithItsClient) {
    boot();
    fixture.add({50, 1, "x", {"x"}, "/", "", 100, 4711});
    const UniqueFd process(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    daemon->request(
        {7, 0, Pid{1}, Right::Look}, {{"request", "hold"}, {"pid", 50}}, [](const json&) {},
        UniqueFd(::dup(process.get())));
    runner->attach();
    daemon->client_left(7);
    EXPECT_FALSE(runner->stopping);
    EXPECT_EQ(daemon->status()["holds"].size(), 1U);
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(process.get(), &one, sizeof(one)), 8);
    EXPECT_TRUE(until([&] { return runner->stopping; }));
}

TEST_F(DaemonTest, AHoldOfAProcessOutlivesARestartOfTheDaemon) {
    boot();
    fixture.add({50, 1, "rustlandctl", {"rustlandctl"}, "/", "", 100, 4711});
    fixture.add({51, 1, "rustlandctl", {"rustlandctl"}, "/", "", 100, 4711});
    ask({{"request", "hold"}, {"pid", 50}, {"reason", "one"}}, 0, 7);
    runner->attach();
    ask({{"request", "hold"}, {"pid", 51}, {"reason", "two"}}, 0, 8);
    ask({{"request", "hold"}, {"reason", "a client's alone"}}, 0, 9);
    fixture.add({51, 1, "other", {"other"}, "/", "", 222, 4711}); // the number was used again
    adoptable = true;
    boot();
    EXPECT_EQ(phase(), "on");
    ASSERT_EQ(daemon->status()["holds"].size(), 1U);
    EXPECT_EQ(daemon->status()["holds"][0]["reason"], "one");
    // Its process has seen the daemon end, and asks again.
    EXPECT_EQ(ask({{"request", "hold"}, {"pid", 50}, {"reason", "one"}}, 0, 7)["cookie"], 1);
    EXPECT_EQ(daemon->status()["holds"].size(), 1U);
    EXPECT_EQ(ask({{"request", "release"}, {"cookie", 2}})["ok"], false);
    fixture.end(50);
    EXPECT_TRUE(until([&] { return runner->stopping; }));
}
