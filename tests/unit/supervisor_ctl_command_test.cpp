// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl itself: every command, its JSON, its exit codes, and which way it goes to the daemon.
#include "rustland/common/file.hpp"
#include "supervisor/config/wide_rules.hpp"
#include "support/bus_test.hpp"

#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::FakePolkit;
using testing::HasSubstr;

namespace {

class CtlTest : public test::BusTest {
  protected:
    void SetUp() override {
        test::BusTest::SetUp();
        // A copy, for the build's directory may be closed to other users.
        program_ = fixture.dir().path("rustlandctl");
        std::filesystem::copy_file(RUSTLANDCTL, program_);
        ::chmod(program_.c_str(), 0755);
    }
    [[nodiscard]] std::vector<std::string> ctl(const std::vector<std::string>& arguments,
                                               bool as_root = true) const {
        std::vector<std::string> command;
        if (!as_root)
            command = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
        command.insert(command.end(), {program_, "--socket", fixture.dir().path("run/control.sock"),
                                       "--bus-address", private_bus.address()});
        command.insert(command.end(), arguments.begin(), arguments.end());
        return command;
    }
    // Whatever the daemon decides is done at once.
    std::string ask(const std::vector<std::string>& arguments, int expected = 0,
                    bool as_root = true) {
        return run(ctl(arguments, as_root), expected, [this] {
            attach()();
            if (runner->stopping)
                runner->stopped();
        });
    }

    std::string program_;
};

} // namespace

TEST_F(CtlTest, EveryCommandThatPrintsHasJson) {
    game();
    runner->attach();
    EXPECT_EQ(json::parse(ask({"status", "--json"}))["status"]["state"], "on");
    EXPECT_EQ(json::parse(ask({"list", "--json"}))["workloads"][0]["class"], "foreground");
    EXPECT_EQ(json::parse(ask({"explain", "50", "--json"}))["explanation"]["decided_by"], "game");
    EXPECT_GE(json::parse(ask({"history", "--json"}))["history"].size(), 3U);
    EXPECT_EQ(json::parse(ask({"start", "--json"}))["status"]["state"], "on");
    EXPECT_EQ(json::parse(ask({"switch", "--json", "-s", "/opt/x"}))["status"]["scheduler"],
              "/opt/x");
    EXPECT_EQ(json::parse(ask({"restart", "--json"}))["ok"], true);
    EXPECT_EQ(json::parse(ask({"stop", "--json"}))["ok"], true);
    EXPECT_EQ(json::parse(ask({"reload", "--json"}))["ok"], true);
    EXPECT_EQ(json::parse(ask({"reset-failed", "--json"}))["ok"], true);
    EXPECT_EQ(json::parse(ask({"release", "--json", "9"}, 1))["ok"], false);
    // The daemon's own names a scheduler that is not there, which it does not mind and check does.
    const json missed =
        json::parse(ask({"check", "--json", fixture.dir().path("conf")}, 1))["problems"][0];
    EXPECT_THAT(missed["text"].get<std::string>(), HasSubstr("there is no program /opt/sched"));
    const std::string conf = fixture.dir().write("good.conf", "[workload a]\ncomm = a\n");
    EXPECT_EQ(json::parse(ask({"check", "--json", conf}))["ok"], true);
    const json doctor = json::parse(run(ctl({"doctor", "--json"}), -1));
    EXPECT_FALSE(doctor["findings"].empty());
    fixture.dir().write("rules/a.rules", "{\"name\": \"a.exe\", \"type\": \"Game\"}\n");
    EXPECT_EQ(json::parse(ask({"import-ananicy", "--json", fixture.dir().path("rules"), "-o",
                               fixture.dir().path("out")}))["names"],
              1);
}

TEST_F(CtlTest, NumbersAreDecimalAndWhole) {
    game();
    EXPECT_EQ(json::parse(ask({"explain", "050", "--json"}))["explanation"]["pid"], 50);
    EXPECT_THAT(ask({"release", "010"}, 1), HasSubstr("there is no hold 10"));
    for (const char* bad : {"0,5", "1_0", "0x10", "", "1e", "nan"})
        EXPECT_THAT(ask({"top", "--once", "-d", bad}, 2), HasSubstr("--interval")) << bad;
    EXPECT_THAT(ask({"trace", "--seconds", "1,000"}, 2), HasSubstr("--seconds"));
    EXPECT_THAT(ask({"trace", "--buffer", "8_192"}, 2), HasSubstr("--buffer"));
    EXPECT_THAT(ask({"explain", "0"}, 1), HasSubstr("\"pid\" must be the number of a process"));
    for (const char* name : {"0x32", "50x", "1,0"})
        EXPECT_THAT(ask({"explain", name}, 1), HasSubstr("no process is called")) << name;
}

TEST_F(CtlTest, ExplainsWithoutTheDaemonByTheConfiguration) {
    const std::string own = std::to_string(::getpid());
    const std::vector<std::string> command{program_, "--socket", "/nonexistent/socket", "explain"};
    auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), command.begin(), command.end());
        return more;
    };
    EXPECT_THAT(run(with({own}), 0), HasSubstr("This is by the configuration"));
    const json answer = json::parse(run(with({own, "--json"}), 0));
    EXPECT_EQ(answer["by"], "configuration");
    EXPECT_EQ(answer["explanation"]["pid"], ::getpid());
    EXPECT_EQ(answer["explanation"]["member_of"], nullptr);
    EXPECT_THAT(run(with({"4194304"}), 1), HasSubstr("there is no process 4194304"));
}

TEST_F(CtlTest, ExitCodesTellWhatWentWrong) {
    EXPECT_THAT(ask({"dance"}, 2), HasSubstr("rustlandctl: there is no command 'dance'"));
    EXPECT_THAT(ask({}, 2), HasSubstr("rustlandctl: a command is missing"));
    const std::string bad = fixture.dir().write("bad", "[oops]\n");
    EXPECT_THAT(ask({"check", bad}, 1), HasSubstr("bad:1"));
    EXPECT_THAT(run({program_, "--socket", "/nonexistent/socket", "status"}, 3),
                HasSubstr("rustlandd does not answer"));
}

TEST_F(CtlTest, StopIsDoneOnlyWhereNothingIsLeftOn) {
    game();
    runner->attach();
    EXPECT_THAT(ask({"stop"}), HasSubstr("stopped; it stays off until rustlandctl resume"));
    fixture.kernel("enabled", "rustland", 9);
    EXPECT_THAT(ask({"stop"}, 1), HasSubstr("but the kernel still runs "
                                            "rustland, which somebody else started"));
    const json said = json::parse(ask({"stop", "--json"}, 1));
    EXPECT_EQ(said["ok"], false);
    EXPECT_EQ(said["status"]["runs"]["by"], "other");
    EXPECT_THAT(run({program_, "--socket", "/nonexistent/socket", "stop"}, 3),
                HasSubstr("rustlandd does not answer"));
}

TEST_F(CtlTest, AListOfNothingSaysSo) {
    EXPECT_THAT(ask({"list"}), HasSubstr("no game runs"));
    game();
    runner->attach();
    const std::string listed = ask({"list"});
    EXPECT_THAT(listed, testing::StartsWith("game\t50\t"));
    EXPECT_EQ(std::count(listed.begin(), listed.end(), '\n'), 1) << listed;
}

TEST_F(CtlTest, WrongWordsGetTheRightOne) {
    EXPECT_EQ(ask({"stauts"}, 2), "rustlandctl: there is no command 'stauts'; is status meant? "
                                  "(see rustlandctl --help)\n");
    EXPECT_THAT(ask({"status", "--jsno"}, 2), HasSubstr("is --json meant?"));
    EXPECT_THAT(ask({"run"}, 2), HasSubstr("rustlandctl run: command is missing"));
    const std::string all = ask({"help"});
    EXPECT_EQ(all, ask({"--help"}));
    EXPECT_LT(all.find("\n  run "), all.find("\n  status ")) << "what is needed first: " << all;
    EXPECT_LT(all.find("\n  status "), all.find("\n  release "));
    EXPECT_THAT(ask({"help", "top"}), HasSubstr("--interval"));
    EXPECT_THAT(ask({"help", "tpo"}, 2), HasSubstr("is top meant?"));
}

TEST_F(CtlTest, AHeldCommandRunsWithTheSchedulerOnAndItsExitCodeComesBack) {
    const std::string seen = fixture.dir().path("seen");
    test::ClientCommand client(ctl({"hold", "--reason", "test", "--", "sh", "-c",
                                    "cp " + fixture.sched_ext() + "/state " + seen + "; exit 7"}));
    // Where the daemon looks, the caller is a process.
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 0});
    ASSERT_TRUE(until([&] {
        attach()();
        return client.ended();
    }));
    EXPECT_EQ(client.code, 7) << client.output;
    EXPECT_EQ(*read_line(seen), "enabled");
    EXPECT_TRUE(until([&] { return runner->stopping || !runner->running; }));
    EXPECT_EQ(ask({"run", "--", "/nonexistent/program"}, 127).empty(), false);
    EXPECT_THAT(ask({"run", "--", "nosuch"}, 127), HasSubstr("nosuch: command not found"));
    EXPECT_THAT(run({program_, "--socket", "/nonexistent/socket", "run", "--", "echo", "it runs"}),
                HasSubstr("it runs"))
        << "a game is started without a daemon, too";
}

TEST_F(CtlTest, OthersChangeThingsOverTheBusWherePolkitDecides) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    EXPECT_THAT(ask({"stop"}, 1, false),
                HasSubstr("there is no polkit to ask: sudo rustlandctl stop"));
    FakePolkit polkit(*loop, private_bus.address());
    EXPECT_THAT(ask({"start"}, 1, false),
                HasSubstr("start is for administrators, and polkit does not allow it"));
    polkit.allow = true;
    EXPECT_EQ(json::parse(ask({"start", "--json", "--", "-v"}, 0, false))["status"]["arguments"],
              json({"-v"}));
    EXPECT_EQ(json::parse(ask({"status", "--json"}, 0, false))["status"]["state"], "on");
    const std::size_t before = polkit.asked.size();
    EXPECT_THAT(ask({"stop"}, 0, false), HasSubstr("stopped"));
    EXPECT_EQ(polkit.asked.size(), before + 1);
}

TEST_F(CtlTest, AHoldOfAnotherUserLastsAsLongAsTheCommand) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    polkit.allow = true;
    test::ClientCommand client(ctl({"run", "--", "sleep", "100"}, false));
    // Where the daemon looks, the caller is a process of that user.
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 65534});
    ASSERT_TRUE(until([&] {
        attach()();
        return runner->running.has_value();
    }));
    EXPECT_EQ(daemon->status()["holds"][0]["reason"], "sleep");
    client.kill(SIGTERM);
    EXPECT_TRUE(until([&] { return runner->stopping; }));
}

// A command that was begun without the daemon, or outlives one, is held on for once there is one.
TEST_F(CtlTest, AHoldIsTakenOnceTheDaemonIsBack) {
    service.reset();
    daemon.reset();
    test::ClientCommand client(ctl({"run", "--", "sleep", "100"}));
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 0});
    ASSERT_TRUE(until([&] { return !client.ended() && !client.output.empty(); }));
    EXPECT_THAT(client.output, HasSubstr("rustlandctl: rustlandd does not answer on "));
    EXPECT_THAT(client.output, HasSubstr("; running the command all the same, and the scheduler "
                                         "comes on for it once that is possible\n"));
    const auto held = [&] {
        attach()();
        return runner->running.has_value() && daemon->status()["holds"].size() == 1;
    };
    start_daemon();
    ASSERT_TRUE(until(held));
    EXPECT_EQ(daemon->status()["holds"][0]["reason"], "sleep");
    service.reset();
    daemon.reset();
    std::filesystem::remove(fixture.dir().path("run/state.json"));
    fixture.kernel("disabled", "", 1);
    start_daemon();
    ASSERT_TRUE(until(held)) << "a daemon that knows nothing of the one before";
    client.kill(SIGTERM);
    EXPECT_TRUE(until([&] { return daemon->status()["holds"].empty(); }));
}

TEST_F(CtlTest, AHoldOfAnotherUserIsTakenOnceTheDaemonIsBack) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    polkit.allow = true;
    service.reset();
    daemon.reset();
    test::ClientCommand client(ctl({"run", "--", "sleep", "100"}, false));
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 65534});
    ASSERT_TRUE(until([&] { return !client.ended() && !client.output.empty(); }));
    start_daemon();
    ASSERT_TRUE(until([&] {
        attach()();
        return runner->running.has_value();
    })) << client.output;
    EXPECT_EQ(daemon->status()["holds"][0]["reason"], "sleep");
}

// What a person without the right to hold is told once is not asked for again and again.
TEST_F(CtlTest, AHoldThatIsRefusedIsNotAskedForAgain) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    test::ClientCommand client(ctl({"run", "--", "sleep", "3"}, false));
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 65534});
    ASSERT_TRUE(until([&] { return client.ended(); }));
    EXPECT_EQ(client.code, 0);
    EXPECT_THAT(client.output, HasSubstr("; running the command all the same\n"));
    EXPECT_EQ(polkit.asked.size(), 1U);
}

TEST_F(CtlTest, WhatIsHeldIsListedByWhatItIs) {
    test::ClientCommand client(ctl({"run", "--", "sleep", "100"}));
    fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 0});
    ASSERT_TRUE(until([&] {
        attach()();
        return runner->running.has_value();
    }));
    EXPECT_EQ(ask({"list"}), fmt::format("hold 1\t{}\tsleep\tforeground\thold\n", client.pid()));
}

TEST_F(CtlTest, RefusalsSayWhatHelpsWithThisCommand) {
    EXPECT_THAT(ask({"start", "-s", "relative"}, 2),
                HasSubstr("--scheduler: 'relative' is not an absolute path, such as "
                          "/usr/sbin/rustland"));
    EXPECT_THAT(ask({"start", "--policy", "fifo"}, 2),
                HasSubstr("rustlandctl start: there is no option '--policy'; the scheduler's own "
                          "options stand behind --: rustlandctl start -- --policy (see"));
    EXPECT_THAT(ask({"status", "extra"}, 2),
                HasSubstr("rustlandctl status: takes no 'extra' (see rustlandctl status --help)"));
    EXPECT_THAT(ask({"run", "-r"}, 2), HasSubstr("rustlandctl run: --reason: its TEXT is missing"));
    EXPECT_EQ(ask({"-V"}), ask({"--version"}));
    EXPECT_THAT(ask({"release"}, 2), HasSubstr("rustlandctl release: hold is missing"));
    EXPECT_THAT(ask({"release", "x"}, 2), HasSubstr("hold: 'x' is not a number from 1 on"));
    EXPECT_THAT(ask({"metrics", "-o", "/nonexistent/x"}, 1),
                HasSubstr("rustlandctl: /nonexistent/x: No such file or directory"));
    EXPECT_EQ(ask({"resume"}), "games turn the scheduler on again\n");
}

TEST_F(CtlTest, RefusalsOfOthersNameTheWholeCommand) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    EXPECT_THAT(ask({"start", "--take-over"}, 1, false),
                HasSubstr(": sudo rustlandctl start --take-over\n"));
    EXPECT_THAT(ask({"release", "1"}, 1, false), HasSubstr("a hold is released by the user who "
                                                           "sits at the machine, and there is no "
                                                           "polkit to ask"));
    game();
    EXPECT_THAT(ask({"explain", "50"}, 1, false),
                HasSubstr("only root may explain other users' processes: sudo rustlandctl explain "
                          "50\n"));
}

TEST_F(CtlTest, OptionsOfACommandAreNotThoseOfTheConfiguration) {
    test::ClientCommand client(ctl({"start", "--", "--polcy"}));
    ASSERT_TRUE(until([&] {
        if (runner->starting)
            runner->fail("exited with status 2: no such option; correct its options "
                         "(scheduler_args), then sudo rustlandctl reload",
                         ExitKind::Misconfigured);
        return client.ended();
    }));
    EXPECT_EQ(client.output, "rustlandctl: exited with status 2: no such option; correct the "
                             "options of the command\n");
    EXPECT_THAT(ask({"start", "--", "--polcy"}, 1),
                HasSubstr("correct the options of the command\n"));
}

TEST_F(CtlTest, StatusAndHistoryNameTheGame) {
    game();
    runner->attach();
    EXPECT_THAT(ask({"status"}), HasSubstr("game:       game (process 50, rule game)\n"));
    EXPECT_THAT(ask({"history"}), HasSubstr("game began: game (process 50)\n"));
    EXPECT_THAT(ask({"list"}), HasSubstr("game\t50\tgame\tforeground\trule\n"));
}

TEST_F(CtlTest, OthersDoNotLearnTheNamesOfAUsersGames) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    game(); // of the user 4711, and this is asked as another one
    runner->attach();
    EXPECT_THAT(ask({"status"}, 0, false), HasSubstr("game:       one of the rule game\n"));
    EXPECT_THAT(ask({"history"}, 0, false), HasSubstr("game began\n"));
    // That there is one is the same truth in all views.
    EXPECT_EQ(ask({"list"}, 0, false), "game:       one of the rule game\n");
}

TEST_F(CtlTest, AConfigurationThatWasRefusedIsNotGood) {
    fixture.dir().write("conf", "[supervisor]\nlinger = x\n");
    ask({"reload"}, 1);
    const std::string said = ask({"doctor"}, -1);
    EXPECT_THAT(said, HasSubstr("configuration in use: is an older one"));
    EXPECT_THAT(said, testing::Not(HasSubstr("configuration: no mistakes")));
}

class AddTest : public CtlTest {
  protected:
    AddTest() {
        // The daemon reads the folder that rustlandctl writes to.
        fixture.dir().write("etc/rustland.conf",
                            "[supervisor]\nscheduler = /bin/sh\nlinger = 0\nmin_dwell = 0\n"
                            "[workload game]\nprogram = game\n");
        config_paths = {fixture.dir().path("vendor"), fixture.dir().path("etc/rustland.conf"),
                        fixture.dir().path("etc/d")};
    }
    [[nodiscard]] std::vector<std::string> with_paths(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--config", config_paths->main_file, "--config-dir",
                                             config_paths->admin_dir, "--proc", fixture.proc()});
        return arguments;
    }
    std::string act(const std::vector<std::string>& arguments, int expected = 0,
                    bool as_root = true) {
        return ask(with_paths(arguments), expected, as_root);
    }
    void doom() {
        fixture.add({60, 1, "doom9", {"/g/doom9"}, "/user.slice", "", 100, 4711});
        const_cast<Detector&>(daemon->detector())
            .handle({{ProcessEvent::Kind::Exec, Pid{60}, Pid{60}}});
    }
};

TEST_F(AddTest, AGameIsAddedInOneStepAndCountsAtOnce) {
    doom();
    const std::string no = act({"explain", "doom9"});
    EXPECT_THAT(no, HasSubstr("doom9 (process 60) is no game: no rule matches"));
    EXPECT_THAT(no, HasSubstr("sudo rustlandctl add doom9\n"));
    EXPECT_THAT(no, HasSubstr("    [workload doom9]\n    program = doom9\n"));
    const std::string done = act({"add", "60"});
    EXPECT_THAT(done, HasSubstr("/etc/d/doom9.conf:\n    # Written by rustlandctl add."));
    EXPECT_THAT(done, HasSubstr("rustlandd has read it: doom9 (process 60) counts as a game now"));
    EXPECT_EQ(daemon->status()["workloads"][0]["rule"], "doom9");
    EXPECT_THAT(act({"explain", "doom9"}),
                HasSubstr("doom9 (process 60) counts as a game, by the rule doom9"));
    EXPECT_THAT(act({"add", "doom9"}), HasSubstr("doom9 counts as a game already, by the rule "
                                                 "doom9 ("));
    struct stat st = {};
    ASSERT_EQ(::stat(fixture.dir().path("etc/d/doom9.conf").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0644U);
    EXPECT_THAT(act({"check"}), HasSubstr("no mistakes in 2 files"));
}

TEST_F(AddTest, ExplainAdvisesWhatAddTakes) {
    fixture.add({61, 1, "bash", {"/bin/bash", "/g/run.sh"}, "/user.slice", "", 100, 4711});
    const std::string said = act({"explain", "bash"});
    EXPECT_THAT(said, HasSubstr("sudo rustlandctl add 61\n"));
    EXPECT_THAT(act({"add", "61"}), HasSubstr("cmdline = *run.sh*"));
}

TEST_F(AddTest, ExplainFindsAPathAndProposesAName) {
    fixture.add({60, 1, "doom9", {"games/doom9"}, "/user.slice", "/g/games/doom9", 100, 4711});
    EXPECT_THAT(act({"explain", "/g/games/doom9"}), HasSubstr("doom9 (process 60) is no game"));
    EXPECT_THAT(act({"explain", "doom"}, 1),
                HasSubstr("no process is called doom; is doom9 meant? (start it, or give its "
                          "number: ps -e shows them)\n"));
    EXPECT_THAT(act({"explain", "DOOM9"}, 1), HasSubstr("is doom9 meant?"));
}

TEST_F(AddTest, WhatKeepsAProgramOutIsTakenBackByOneCommand) {
    act({"exclude", "doom9"});
    doom();
    const std::string file = fixture.dir().path("etc/d/not-doom9.conf");
    const std::string command = "sudo rm " + file + " && sudo rustlandctl reload";
    EXPECT_THAT(act({"explain", "doom9"}), HasSubstr("  to count it again:  " + command + "\n"));
    EXPECT_THAT(act({"add", "doom9"}, 1),
                HasSubstr("doom9 is kept out by the rule not-doom9 (" + file +
                          ":2); to take that back: " + command + "\n"));
    fixture.dir().write("etc/d/not-doom9.conf",
                        "[workload not-doom9]\ndeny = yes\nprogram = doom9\n");
    EXPECT_THAT(act({"add", "doom9"}, 1),
                HasSubstr("; change it there, then: sudo rustlandctl reload\n"))
        << "what a person wrote is not thrown away";
}

TEST_F(AddTest, AProgramIsKeptOutInOneStepAndAtOnce) {
    game();
    runner->attach();
    EXPECT_THAT(act({"exclude", "game"}),
                HasSubstr("rustlandd has read it: game (process 50) is no game now"));
    EXPECT_TRUE(daemon->status()["workloads"].empty());
    EXPECT_THAT(act({"explain", "50"}), HasSubstr("the rule not-game keeps it out"));
    EXPECT_THAT(act({"exclude", "game"}), HasSubstr("game is kept out already, by the rule "
                                                    "not-game ("));
    EXPECT_THAT(act({"add", "game"}, 1), HasSubstr("is kept out by the rule not-game ("));
}

TEST_F(AddTest, ANameThatNoProgramHasIsNoted) {
    doom();
    EXPECT_THAT(act({"add", "doom"}),
                HasSubstr("note: no program called doom runs now or is installed; is doom9 meant? "
                          "(rustlandctl explain PID says what a game that runs is called)\n"));
    EXPECT_THAT(act({"exclude", "/nonexistent/game"}),
                HasSubstr("note: there is no file /nonexistent/game\n"));
    EXPECT_THAT(act({"add", "Unheard of.exe"}),
                HasSubstr("note: no program called Unheard of.exe runs now (rustlandctl"))
        << "Windows programs are installed nowhere in particular";
    EXPECT_THAT(json::parse(act({"add", "doom8", "--json"}))["note"].get<std::string>(),
                HasSubstr("no program called doom8"));
    for (const char* there : {"doom9", "cat", "/bin/cat", "doo*"})
        EXPECT_THAT(act({"add", there}), testing::Not(HasSubstr("note:"))) << there;
}

TEST_F(AddTest, AReloadSaysWhatCheckWouldNote) {
    const std::string conf = fixture.dir().path("etc/d/z.conf");
    fixture.dir().write("etc/d/z.conf", "[workload w]\nprogram = *\n");
    EXPECT_EQ(act({"reload"}), "reloaded\nnote: " + conf +
                                   ":2: [workload w] program: takes every program of a user "
                                   "(bash, firefox and gnome-shell among them), so that the "
                                   "scheduler is always on and nothing comes before others; name "
                                   "the games\n");
    fixture.dir().write("etc/d/z.conf", "[supervisor]\nscheduler = /usr/sbin/rustlnd\n"
                                        "[workload game]\nenabled = no\n");
    EXPECT_EQ(act({"reload"}),
              "reloaded\n"
              "note: there is no program /usr/sbin/rustlnd; install it or correct the path\n"
              "note: " +
                  std::string(kNothingCounts) + "\n");
    EXPECT_THAT(act({"check"}, 1), HasSubstr(std::string("note: ") + kNothingCounts));
    EXPECT_THAT(act({"check", conf}, 1), testing::Not(HasSubstr(kNothingCounts)))
        << "of one file alone that is not known";
    EXPECT_THAT(act({"status"}),
                HasSubstr("config:     there is no program /usr/sbin/rustlnd; install it or "
                          "correct the path, then sudo rustlandctl reload\n"));
    std::filesystem::remove(conf);
    EXPECT_EQ(act({"reload"}), "reloaded\n");
    EXPECT_THAT(act({"status"}), testing::Not(HasSubstr("config:")));
}

TEST_F(AddTest, NothingIsLostAndNothingIsWrittenThatCheckRefuses) {
    fixture.dir().write("etc/d/doom9.conf", "# mine\n");
    EXPECT_THAT(act({"add", "doom9"}), HasSubstr("/etc/d/doom9-2.conf:"));
    EXPECT_EQ(*read_file(fixture.dir().path("etc/d/doom9.conf")), "# mine\n");
    EXPECT_THAT(act({"add", "doom8", "--name", "doom9"}, 1), HasSubstr("take another --name"));
    EXPECT_THAT(act({"add", "doom8", "--name", "game"}, 1), HasSubstr("there is a rule game"));
    EXPECT_THAT(act({"add", "doom8", "--name", "../x"}, 1), HasSubstr("cannot be the name"));
    EXPECT_THAT(act({"add", "bash"}, 1), HasSubstr("bash is a shell"));
    EXPECT_THAT(act({"add", "4194304"}, 1), HasSubstr("there is no process 4194304"));
    EXPECT_EQ(json::parse(act({"add", "doom8", "--json"}))["reloaded"], true);
    fixture.dir().write("etc/d/z.conf", "[oops]\n");
    EXPECT_THAT(act({"add", "doom7"}, 1), HasSubstr("z.conf:1: [oops]"));
    EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("etc/d/doom7.conf")));
}

// A link to a file that is not there at the moment is somebody's, too.
TEST_F(AddTest, ALinkThatPointsNowhereIsNotReplaced) {
    fixture.dir().write("etc/d/a.conf", "");
    const std::string link = fixture.dir().path("etc/d/doom9.conf");
    std::filesystem::create_symlink(fixture.dir().path("mnt/mine.conf"), link);
    act({"add", "doom8", "--name", "doom9"}, -1);
    act({"add", "doom9"}, -1);
    EXPECT_TRUE(std::filesystem::is_symlink(link));
}

TEST_F(AddTest, WithoutTheRightTheFileIsShownAndTheCommandThatWorks) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    const std::string shown = act({"add", "doom9"}, 1, false);
    EXPECT_THAT(shown, HasSubstr("    program = doom9\n"));
    EXPECT_THAT(shown, HasSubstr("; this does it: sudo rustlandctl add doom9\n"));
    EXPECT_FALSE(std::filesystem::exists(fixture.dir().path("etc/d")));
}

TEST_F(AddTest, WithoutTheDaemonItIsWrittenAllTheSame) {
    std::vector<std::string> command{program_, "--socket", "/nonexistent"};
    for (const std::string& word : with_paths({"add", "doom9"}))
        command.push_back(word);
    EXPECT_THAT(run(command), HasSubstr("written, and read once rustlandd runs: rustlandd does not "
                                        "answer on /nonexistent"))
        << "what helps there is not what helps everywhere";
    EXPECT_TRUE(std::filesystem::exists(fixture.dir().path("etc/d/doom9.conf")));
}

TEST_F(AddTest, CheckShowsWhatAllFilesTogetherSay) {
    fixture.dir().write("etc/d/mine.conf", "[workload game]\nprogram += doom9,\n  doom8\n");
    fixture.dir().write("etc/d/forgotten", "[workload x]\n");
    const std::string shown = act({"check", "--show"});
    EXPECT_THAT(shown, HasSubstr("[workload game]\n# " + config_paths->main_file +
                                 ":6\n"
                                 "program = game\n# " +
                                 config_paths->admin_dir +
                                 "/mine.conf:2\n"
                                 "program += doom9,\n    doom8\n"));
    const std::string again = fixture.dir().write("again.conf", shown);
    EXPECT_EQ(json::parse(ask({"check", "--json", "--show", again}, -1))["sections"].size(), 2U)
        << "what it shows is a configuration itself";
    EXPECT_THAT(act({"check"}, -1), HasSubstr("forgotten: is not read, because its name does not "
                                              "end in .conf"));
}

TEST_F(CtlTest, MonitorPrintsWhatHappens) {
    test::ClientCommand client(ctl({"monitor", "--json"}));
    ASSERT_TRUE(
        until([&] { return !client.ended() && client.output.find('\n') != std::string::npos; }));
    game();
    ASSERT_TRUE(until(
        [&] { return !client.ended() && client.output.find("game began") != std::string::npos; }));
    const std::string first = client.output.substr(0, client.output.find('\n'));
    EXPECT_EQ(json::parse(first)["event"], "status");
    client.kill(SIGKILL);
}

TEST_F(CtlTest, ASignalToRunGoesToTheCommand) {
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGUSR1}) {
        test::ClientCommand client(ctl({"run", "--", "sh", "-c",
                                        "trap 'echo heard; exit 7' TERM HUP INT USR1; echo ready; "
                                        "while :; do sleep 0.05; done"}));
        fixture.add({int(client.pid()), 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 0});
        ASSERT_TRUE(until([&] {
            attach()();
            return client.ended() || client.output.find("ready") != std::string::npos;
        }));
        client.kill(signal);
        ASSERT_TRUE(until([&] { return client.ended(); })) << signal;
        EXPECT_THAT(client.output, HasSubstr("heard")) << signal;
        EXPECT_EQ(client.code, 7) << signal;
        ASSERT_TRUE(until([&] { return runner->stopping; })) << "its hold ends with it";
        runner->stopped();
    }
}
