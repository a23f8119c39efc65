// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl add, exclude and check: rules of one's own, and what is told of all files together.
#include "rustland/common/file.hpp"
#include "supervisor/config/wide_rules.hpp"
#include "support/ctl_test.hpp"

#include <filesystem>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::CtlTest;
using testing::HasSubstr;

namespace {

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

} // namespace

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
