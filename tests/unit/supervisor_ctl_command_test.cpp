// SPDX-License-Identifier: GPL-2.0-only
// rustlandctl itself: every command, its JSON, its exit codes, and which way it goes to the daemon.
#include "rustland/common/file.hpp"
#include "support/bus_test.hpp"

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
    for (const char* bad : {"0", "0x32", "50x", "1,0"})
        EXPECT_THAT(ask({"explain", bad}, 2), HasSubstr("pid")) << bad;
}

TEST_F(CtlTest, ExplainsWithoutTheDaemonByTheConfiguration) {
    const std::string own = std::to_string(::getpid());
    const std::vector<std::string> command{program_, "--socket", "/nonexistent/socket", "explain"};
    auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), command.begin(), command.end());
        return more;
    };
    EXPECT_THAT(run(with({own}), 0), HasSubstr("this is by the configuration"));
    const json answer = json::parse(run(with({own, "--json"}), 0));
    EXPECT_EQ(answer["by"], "configuration");
    EXPECT_EQ(answer["explanation"]["pid"], ::getpid());
    EXPECT_EQ(answer["explanation"]["member_of"], nullptr);
    EXPECT_THAT(run(with({"4194304"}), 1), HasSubstr("there is no process 4194304"));
}

TEST_F(CtlTest, ExitCodesTellWhatWentWrong) {
    EXPECT_THAT(ask({"start", "-s", "relative"}, 1), HasSubstr("must be an absolute path"));
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
    EXPECT_THAT(ask({"release", "x"}, 2), HasSubstr("cookie: 'x' is not a number from 1 to "));
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
