// SPDX-License-Identifier: GPL-2.0-only
// What an ordinary user may make the daemon say, do and show.
#include "support/daemon_test.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr uid_t kPlayer = 4711;
constexpr uid_t kOther = 1001;

// Bytes that must not get past the entrance.
bool has_control_character(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

} // namespace

TEST_F(DaemonTest, AHoldsReasonIsOneLineOfText) {
    boot();
    ask({{"request", "hold"}, {"reason", "x\nMAINPID=1\nWATCHDOG=trigger"}}, kPlayer, 7,
        Right::Hold);
    runner->attach();
    const json status = daemon->status();
    EXPECT_FALSE(has_control_character(status["holds"][0]["reason"]));
    EXPECT_FALSE(has_control_character(status["why"]));
    EXPECT_FALSE(has_control_character(daemon->status_line()));
    for (const HistoryEntry& entry : daemon->history_entries())
        EXPECT_FALSE(has_control_character(entry.text)) << entry.kind;
}

TEST_F(DaemonTest, AProcesssNameIsOneLineOfText) {
    boot();
    const std::string name = "\n<0>PANIC\xff";
    fixture.add({50, 1, name, {name}, "/user.slice", "/x/game", 100, kPlayer});
    testing::internal::CaptureStdout(); // where a log that nobody has set up goes
    exec(50);
    const std::string log = testing::internal::GetCapturedStdout();
    EXPECT_THAT(log, HasSubstr("PANIC")) << "it is logged";
    EXPECT_THAT(log, Not(HasSubstr("\n<0>")));
    const json list = ask({{"request", "list"}})["workloads"];
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["comm"], "?<0>PANIC?");
    EXPECT_EQ(list[0]["name"], "?<0>PANIC?");
    EXPECT_EQ(daemon->status()["workloads"][0]["name"], "?<0>PANIC?");
}

TEST_F(DaemonTest, TheDumpOfASchedulerIsForAdministrators) {
    boot();
    game(50);
    runner->attach();
    runner->die(ExitKind::Stalled);
    for (const char* request : {"history", "status", "dump"}) {
        const auto shown_to = [&](uid_t uid, Right right) {
            return ask({{"request", request}}, uid, 1, right).dump();
        };
        EXPECT_THAT(shown_to(kPlayer, Right::Look), Not(HasSubstr("its last words"))) << request;
        EXPECT_THAT(shown_to(kPlayer, Right::Hold), Not(HasSubstr("its last words"))) << request;
        EXPECT_THAT(shown_to(kPlayer, Right::Manage), HasSubstr("its last words")) << request;
        EXPECT_THAT(shown_to(0, Right::Look), HasSubstr("its last words")) << request;
    }
}

// Whoever watches, root too, gets an event a line.
TEST_F(DaemonTest, TheDumpOfASchedulerIsInNoEvent) {
    boot();
    std::string seen;
    daemon->request({1, 0, Pid{1}, Right::Manage}, {{"request", "monitor"}},
                    [&seen](const json& line) { seen += line.dump(); });
    game(50);
    runner->attach();
    runner->die(ExitKind::Stalled);
    EXPECT_THAT(seen, HasSubstr("stalled"));
    EXPECT_THAT(seen, Not(HasSubstr("its last words")));
}

TEST_F(DaemonTest, WhatChangesOrShowsMoreNeedsItsRight) {
    boot();
    const auto refused = [&](const char* request, Right right) {
        const json answer = ask({{"request", request}}, kPlayer, 1, right);
        return answer.is_object() && answer["ok"] == false &&
               answer["error"].get<std::string>().find("only root may") == 0;
    };
    for (const char* request : {"start", "switch", "stop", "restart", "resume", "dump", "reload",
                                "reset-failed", "hold", "release"})
        EXPECT_TRUE(refused(request, Right::Look)) << request;
    for (const char* request :
         {"start", "switch", "stop", "restart", "resume", "dump", "reload", "reset-failed"})
        EXPECT_TRUE(refused(request, Right::Hold)) << request;
    for (const char* request : {"hold", "release"})
        EXPECT_FALSE(refused(request, Right::Hold)) << request;
}

TEST_F(DaemonTest, OthersProcessesAreForAdministrators) {
    boot();
    game(50);
    fixture.add({60, 1, "game", {"/x/game"}, "/user.slice", "", 100, kOther});
    exec(60);
    const auto listed = [&](uid_t uid, Right right = Right::Look) {
        std::vector<int> pids;
        const json answer = ask({{"request", "list"}}, uid, 1, right);
        for (const json& w : answer["workloads"])
            pids.push_back(w["pid"]);
        return pids;
    };
    EXPECT_THAT(listed(0), testing::ElementsAre(50, 60));
    EXPECT_THAT(listed(kOther, Right::Manage), testing::ElementsAre(50, 60));
    EXPECT_THAT(listed(kPlayer), testing::ElementsAre(50));
    EXPECT_THAT(listed(kOther), testing::ElementsAre(60));
    EXPECT_THAT(listed(1234), testing::IsEmpty());
}

TEST_F(DaemonTest, ExplainNamesNoAncestorsOfOthers) {
    fixture.dir().write("conf", "[workload game]\nancestor = secret*\n");
    boot();
    fixture.add({49, 1, "secret-of-other", {"/x/secret-of-other"}, "/", "", 90, kOther});
    fixture.add({50, 49, "game", {"/x/game"}, "/", "", 100, kPlayer});
    const json mine = ask({{"request", "explain"}, {"pid", 50}}, kPlayer);
    EXPECT_EQ(mine["explanation"]["decided_by"], "game") << "the answer is the same";
    EXPECT_THAT(mine.dump(), Not(HasSubstr("secret-of-other")));
    EXPECT_THAT(ask({{"request", "explain"}, {"pid", 50}}).dump(), HasSubstr("secret-of-other"));
}

TEST_F(DaemonTest, AWorkloadDoesNotUndoAnAdministratorsStop) {
    boot();
    game(50);
    runner->attach();
    ask({{"request", "stop"}});
    runner->stopped();
    game(60, "game", 1, "/games/one.scope");
    EXPECT_FALSE(runner->starting) << "a new workload";
    EXPECT_THAT(std::string(daemon->status()["why"]), HasSubstr("rustlandctl resume"));
    ask({{"request", "hold"}}, kPlayer, 7, Right::Hold);
    EXPECT_FALSE(runner->starting) << "a user's hold";
    EXPECT_EQ(ask({{"request", "resume"}}, kPlayer, 7, Right::Hold)["ok"], false);
    EXPECT_EQ(ask({{"request", "resume"}})["ok"], true);
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, AnAdministratorsHoldUndoesAStop) {
    boot();
    ask({{"request", "start"}});
    runner->attach();
    ask({{"request", "stop"}});
    runner->stopped();
    ask({{"request", "hold"}}, kPlayer, 7, Right::Manage);
    EXPECT_TRUE(runner->starting);
}

TEST_F(DaemonTest, AWorkloadLiftsNoQuarantine) {
    boot();
    game(50);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
        runner->fail("broken");
    }
    ASSERT_EQ(daemon->status()["quarantined"].size(), 1U);
    fixture.end(50);
    ASSERT_TRUE(until([&] { return daemon->status()["workloads"].empty(); }));
    test::run_until(
        *loop, [] { return false; }, millis(80)); // its linger time
    game(60);
    EXPECT_FALSE(runner->starting);
    EXPECT_EQ(daemon->status()["quarantined"].size(), 1U);
}

TEST_F(DaemonTest, ToManageIsNotToRunAnyProgram) {
    boot();
    const auto start = [&](const json& more, Right right) {
        json request = {{"request", "start"}};
        request.update(more);
        const std::size_t before = answers.size();
        ask(request, kPlayer, 7, right);
        return answers.size() > before ? std::string(answers.back()["error"]) : "waits";
    };
    EXPECT_THAT(start({{"scheduler", "/opt/evil"}}, Right::Manage), HasSubstr("may run"));
    EXPECT_THAT(start({{"arguments", {"--socket", "/x"}}}, Right::Manage), HasSubstr("may run"));
    EXPECT_FALSE(runner->starting);
    // What the configuration names is a manager's to choose.
    EXPECT_EQ(start({{"scheduler", "/opt/big"}}, Right::Manage), "waits");
    ASSERT_TRUE(runner->starting);
    EXPECT_EQ(runner->starting->path, "/opt/big");
}

TEST_F(DaemonTest, OnlyProgramsOfThoseWhoSitAtTheMachineAreWorkloads) {
    uid_t at_the_machine = kPlayer;
    seated = [&](uid_t user, Pid) { return user == at_the_machine; };
    boot();
    fixture.add({60, 1, "game", {"/x/game"}, "/user.slice", "", 100, kOther});
    exec(60);
    EXPECT_FALSE(runner->starting);
    const json explained = ask({{"request", "explain"}, {"pid", 60}})["explanation"];
    EXPECT_TRUE(explained["decided_by"].is_null());
    EXPECT_THAT(explained.dump(), HasSubstr("does not sit at the machine"));
    game(50);
    ASSERT_TRUE(runner->starting);
    runner->attach();
    // Another session is switched to.
    at_the_machine = kOther;
    const_cast<Detector&>(daemon->detector()).scan();
    const json list = ask({{"request", "list"}})["workloads"];
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["pid"], 60);
}

TEST_F(DaemonTest, ARuleMayTakeEverybodysPrograms) {
    fixture.dir().write("conf", "[workload mine]\nprogram = mine\n"
                                "[workload all]\nprogram = all\nsession = any\n");
    seated = [](uid_t, Pid) { return false; };
    boot();
    game(50, "mine");
    EXPECT_FALSE(runner->starting);
    game(51, "all");
    EXPECT_TRUE(runner->starting);
    fixture.dir().write("conf", "[supervisor]\nsession = any\n[workload mine]\nprogram = mine\n");
    EXPECT_EQ(ask({{"request", "reload"}})["ok"], true);
    EXPECT_EQ(daemon->status()["workloads"][0]["rule"], "mine");
}
