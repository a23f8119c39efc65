// SPDX-License-Identifier: GPL-2.0-only
// org.rustland1 on a private bus, with busctl as its client and a played polkit.
#include "supervisor/system/own_unit.hpp"
#include "supervisor/system/sleep_watch.hpp"
#include "support/bus_test.hpp"
#include "support/fake_systemd.hpp"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::BusTest;
using test::FakePolkit;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(BusTest, IntrospectionListsTheWholeInterface) {
    const std::string out = run(busctl({"introspect", "--xml-interface", kBusName, kBusPath}));
    for (const char* name : {"Start", "Stop", "Restart", "Switch", "Hold", "HoldPidfd", "Release",
                             "Reload", "ResetFailed", "Explain", "ListWorkloads"})
        EXPECT_THAT(out, HasSubstr("<method name=\"" + std::string(name) + "\""));
    for (const char* name : {"State", "Scheduler", "Arguments", "KernelState", "ActiveWorkloads",
                             "Holds", "LastExit", "Quarantined"})
        EXPECT_THAT(out, HasSubstr("<property name=\"" + std::string(name) + "\""));
    EXPECT_THAT(out, HasSubstr("<signal name=\"StateChanged\""));
    EXPECT_THAT(out, HasSubstr("<arg type=\"t\" name=\"cookie\" direction=\"out\"/>"));
}

TEST_F(BusTest, StartAnswersOnceItIsAttachedAndStopOnceItIsOff) {
    bool seen_waiting = false;
    test::ClientCommand start(call({"Start", "sasb", "/opt/x", "2", "x", "b c", "false"}));
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    EXPECT_EQ(runner->starting->args, (std::vector<std::string>{"x", "b c"}));
    seen_waiting = !start.ended();
    EXPECT_TRUE(seen_waiting) << "not before it is known";
    EXPECT_EQ(get("State"), "s \"starting\"\n");
    runner->attach();
    ASSERT_TRUE(until([&] { return start.ended(); }));
    EXPECT_EQ(start.code, 0) << start.output;
    EXPECT_EQ(get("State"), "s \"on\"\n");
    EXPECT_EQ(get("Scheduler"), "s \"/opt/x\"\n");
    EXPECT_EQ(get("Arguments"), "as 2 \"x\" \"b c\"\n");
    EXPECT_EQ(get("KernelState"), "s \"enabled\"\n");
    run(call({"Stop"}), 0, [&] {
        if (runner->stopping)
            runner->stopped();
    });
    EXPECT_EQ(get("State"), "s \"off\"\n");
}

TEST_F(BusTest, AStartThatFailsAnswersWithTheReason) {
    const std::string out = run(call({"Start", "sasb", "", "0", "false"}), 1, [&] {
        if (runner->starting)
            runner->fail("the program is broken");
    });
    EXPECT_THAT(out, HasSubstr("the program is broken"));
    EXPECT_THAT(get("LastExit"), HasSubstr("\"reason\" s \"the program is broken\""));
    EXPECT_THAT(run(call({"Start", "sasb", "relative", "0", "false"}), 1),
                HasSubstr("must be an absolute path"));
    EXPECT_THAT(run(call({"Restart"}), 1), HasSubstr("no scheduler of ours is on"));
}

TEST_F(BusTest, WorkloadsAreListedAndExplained) {
    game();
    runner->attach();
    EXPECT_EQ(get("ActiveWorkloads"), "a(su) 1 \"game\" 1\n");
    EXPECT_EQ(run(call({"ListWorkloads"})),
              "a(sisbs) 1 \"game\" 50 \"game\" false \"foreground\"\n");
    EXPECT_THAT(run(call({"Explain", "i", "50"})), HasSubstr("decided_by"));
    EXPECT_THAT(run(call({"Explain", "i", "77"}), 1), HasSubstr("77"));
}

TEST_F(BusTest, AHoldEndsWhenItsClientLeavesTheBus) {
    // busctl leaves as soon as it has its answer.
    EXPECT_EQ(run(call({"Hold", "ssas", "test", "", "0"}), 0, attach()), "ts 1 \"\"\n");
    EXPECT_TRUE(until([&] { return runner->stopping; }));
    EXPECT_EQ(get("Holds"), "a(ts) 0\n");
}

TEST_F(BusTest, AHoldOfAClientThatStaysLastsUntilItIsReleased) {
    const auto client = *Bus::create(*loop, private_bus.address());
    const auto life = std::make_shared<int>();
    const auto ask = [&](const char* member, const auto& fill) {
        BusMessage m = client->method(kBusName, kBusPath, kBusInterface, member);
        fill(m.get());
        std::optional<std::string> answer;
        client->call(std::move(m), life, [&](sd_bus_message* reply, const Bus::Failure* failure) {
            std::uint64_t cookie = 0;
            if (failure == nullptr && *sd_bus_message_get_signature(reply, 1) != '\0')
                sd_bus_message_read(reply, "t", &cookie);
            answer = failure != nullptr ? failure->message.str() : std::to_string(cookie);
        });
        EXPECT_TRUE(until([&] {
            attach()();
            return answer.has_value();
        }));
        return answer.value_or("no answer");
    };
    const auto hold = [](sd_bus_message* m) { sd_bus_message_append(m, "ssas", "mine", "", 0); };
    EXPECT_EQ(ask("Hold", hold), "1");
    EXPECT_EQ(get("Holds"), "a(ts) 1 1 \"mine\"\n");
    EXPECT_EQ(ask("Release", [](sd_bus_message* m) { sd_bus_message_append(m, "t", 9ULL); }),
              "there is no hold 9");
    EXPECT_EQ(ask("Release", [](sd_bus_message* m) { sd_bus_message_append(m, "t", 1ULL); }), "0");
    EXPECT_TRUE(runner->stopping);
}

TEST_F(BusTest, AHoldByPidfdLastsAsLongAsItsProcessAndNotItsClient) {
    test::ClientCommand process({"sleep", "100"});
    fixture.add({int(process.pid()), 1, "sleep", {"sleep"}, "/", "", 7, ::geteuid()});
    auto client = *Bus::create(*loop, private_bus.address());
    const auto life = std::make_shared<int>();
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid(), 0)));
    const auto hold = [&](int fd) {
        BusMessage m = client->method(kBusName, kBusPath, kBusInterface, "HoldPidfd");
        sd_bus_message_append(m.get(), "hssas", fd, "a game", "", 0);
        std::optional<std::string> answer;
        client->call(std::move(m), life, [&](sd_bus_message*, const Bus::Failure* failure) {
            answer = failure != nullptr ? failure->message.str() : "held";
        });
        EXPECT_TRUE(until([&] {
            attach()();
            return answer.has_value();
        }));
        return answer.value_or("no answer");
    };
    const UniqueFd other(::eventfd(0, EFD_CLOEXEC));
    EXPECT_THAT(hold(other.get()), HasSubstr("not a pidfd"));
    EXPECT_EQ(hold(pidfd.get()), "held");
    client.reset();
    EXPECT_FALSE(test::run_until(
        *loop, [&] { return runner->stopping; }, millis(100)));
    process.kill(SIGKILL);
    EXPECT_TRUE(until([&] { return runner->stopping; }));
}

TEST_F(BusTest, ChangesAreSignalled) {
    const auto client = *Bus::create(*loop, private_bus.address());
    std::vector<std::string> seen;
    const BusSlot signals =
        client->match({nullptr, kBusPath, nullptr, nullptr}, [&](sd_bus_message* m) {
            std::string line = sd_bus_message_get_member(m);
            const char* text = nullptr;
            if (line == "Event")
                return;
            if (line != "PropertiesChanged" && sd_bus_message_read_basic(m, 's', &text) > 0)
                line += std::string(" ") + text;
            seen.push_back(line);
        });
    EXPECT_THAT(get("State"), HasSubstr("off")); // the match is there by now
    game();
    EXPECT_TRUE(until([&] { return seen.size() >= 3; }));
    EXPECT_THAT(seen,
                ElementsAre("PropertiesChanged", "WorkloadStarted game", "StateChanged starting"));
    seen.clear();
    runner->attach();
    runner->die(ExitKind::Stalled);
    EXPECT_TRUE(until([&] { return seen.size() >= 5; }));
    EXPECT_THAT(seen, testing::IsSupersetOf(
                          {"StateChanged on", "SchedulerExited stalled", "StateChanged off"}));
}

TEST_F(BusTest, WithoutPolkitOnlyRootMayChangeAnything) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    for (const auto& method :
         std::vector<std::vector<std::string>>{{"Start", "sasb", "", "0", "false"},
                                               {"Stop"},
                                               {"Restart"},
                                               {"Switch", "sas", "/x", "0"},
                                               {"Hold", "ssas", "x", "", "0"},
                                               {"Release", "t", "1"},
                                               {"Reload"},
                                               {"ResetFailed"}})
        EXPECT_THAT(run(call(method, false), 1), HasSubstr("there is no polkit to ask"))
            << method[0];
    EXPECT_EQ(run(call({"ListWorkloads"}, false)), "a(sisbs) 0\n");
    EXPECT_EQ(runner->starts, 0);
}

TEST_F(BusTest, PolkitDecidesForOthers) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    EXPECT_THAT(run(call({"Stop"}, false), 1),
                HasSubstr("stop is for administrators, and polkit does not allow it to this user: "
                          "sudo rustlandctl stop"));
    polkit.challenge = true;
    EXPECT_THAT(run(call({"Reload"}, false), 1),
                HasSubstr("reload is for administrators, and nobody could be asked for a password: "
                          "sudo rustlandctl reload"));
    EXPECT_THAT(run(call({"GetDump"}, false), 1), HasSubstr("sudo rustlandctl history --dump"));
    // With sudo the game would run as root.
    for (const char* scheduler : {"", "/opt/evil"}) {
        const std::string said = run(call({"Hold", "ssas", "x", scheduler, "0"}, false), 1);
        EXPECT_THAT(said, HasSubstr("nobody could be asked for a password"));
        EXPECT_THAT(said, testing::Not(HasSubstr("sudo")));
        // A rule takes the games of those who sit at the machine alone, unless it says otherwise.
        EXPECT_EQ(said.find("a rule with session = any for this game") != std::string::npos,
                  *scheduler == '\0');
    }
    polkit.asked.clear();
    polkit.allow = true;
    EXPECT_EQ(run(call({"Hold", "ssas", "x", "", "0"}, false), 0, attach()), "ts 1 \"\"\n");
    // busctl lets the user be asked; a hold with a program of one's own is more than a hold.
    run(call({"Hold", "ssas", "x", "/opt/evil", "0"}, false), 0, [&] {
        if (runner->stopping)
            runner->stopped();
        attach()();
    });
    EXPECT_THAT(polkit.asked, ElementsAre("system-bus-name name org.rustland1.hold 1",
                                          "system-bus-name name org.rustland1.run-program 1"));
    EXPECT_EQ(polkit.program, "/opt/evil") << "whoever is asked for a password is told";
}

TEST_F(BusTest, ToManageIsAskedForWhatTheConfigurationNamesAndMoreForTheRest) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    run(call({"Start", "sasb", "/opt/sched", "0", "false"}, false), 1);
    run(call({"Start", "sasb", "/opt/sched", "1", "other", "false"}, false), 1);
    run(call({"Switch", "sas", "/bin/sh", "0"}, false), 1);
    EXPECT_THAT(polkit.asked, ElementsAre("system-bus-name name org.rustland1.manage 1",
                                          "system-bus-name name org.rustland1.run-program 1",
                                          "system-bus-name name org.rustland1.run-program 1"));
    EXPECT_FALSE(runner->starting);
}

TEST_F(BusTest, WhatASchedulerWroteIsNoPropertyAndNeedsAPermission) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to be another user";
    FakePolkit polkit(*loop, private_bus.address());
    game();
    runner->attach();
    runner->die(ExitKind::Stalled);
    EXPECT_THAT(get("LastExit"), testing::Not(HasSubstr("its last words")));
    EXPECT_THAT(run(call({"GetDump"}, false), 1), HasSubstr("polkit does not allow"));
    EXPECT_EQ(run(call({"GetDump"})), "s \"its last words\"\n");
    EXPECT_EQ(run(call({"ListWorkloads"}, false)), "a(sisbs) 0\n") << "another user's game";
}

TEST_F(BusTest, RootIsNotAskedFor) {
    FakePolkit polkit(*loop, private_bus.address());
    run(call({"Reload"}));
    EXPECT_TRUE(polkit.asked.empty());
}

TEST_F(BusTest, ServesAgainAfterTheBusWasRestarted) {
    run(call({"ResetFailed"}));
    private_bus.stop();
    ASSERT_TRUE(until([&] { return !bus->connected(); }));
    game(); // nothing depends on the bus
    EXPECT_TRUE(runner->starting);
    // Longer than the first try waits.
    EXPECT_FALSE(test::run_until(
        *loop, [&] { return bus->connected(); }, millis(1500)));
    private_bus.start();
    ASSERT_TRUE(until([&] { return bus->connected(); }));
    runner->attach();
    EXPECT_EQ(get("State"), "s \"on\"\n");
}

TEST_F(BusTest, AUsersCallsComeNoFasterThanTheRate) {
    BusServiceOptions options;
    options.limits = {.privileged = 4711, .requests_per_second = 0.001, .burst = 5};
    service.reset();
    bus = *Bus::create(*loop, private_bus.address());
    service = *BusService::create(*bus, *daemon, options);
    ASSERT_TRUE(until([&] { return on_the_bus(); }));
    const auto life = std::make_shared<int>();
    std::vector<std::string> answers;
    // Over one connection or several.
    std::vector<std::unique_ptr<Bus>> clients;
    for (int i = 0; i < 8; ++i) {
        if (i % 4 == 0)
            clients.push_back(*Bus::create(*loop, private_bus.address()));
        BusMessage m = clients.back()->method(kBusName, kBusPath, kBusInterface, "ListWorkloads");
        clients.back()->call(std::move(m), life, [&](sd_bus_message*, const Bus::Failure* failure) {
            answers.push_back(failure != nullptr ? failure->name.str() : "");
        });
    }
    ASSERT_TRUE(until([&] { return answers.size() == 8; }));
    EXPECT_EQ(std::count(answers.begin(), answers.end(), ""), 5);
    EXPECT_EQ(std::count(answers.begin(), answers.end(), SD_BUS_ERROR_LIMITS_EXCEEDED), 3);
    EXPECT_THAT(get("State"), HasSubstr("off")) << "properties are cheap";
}

TEST_F(BusTest, ANameThatAnotherHasIsAskedForAgainAndThenGivenUp) {
    const auto other = *Bus::create(*loop, private_bus.address());
    int taken = 0;
    BusServiceOptions options;
    options.name_patience = millis(500);
    options.name_taken = [&] { ++taken; };
    auto second = *BusService::create(*other, *daemon, options);
    ASSERT_TRUE(until([&] { return taken > 0; }));
    EXPECT_THAT(std::string(daemon->status()["bus"]["problem"]),
                HasSubstr("another program has org.rustland1 on the bus"));
    EXPECT_EQ(taken, 1);
    second.reset();
    // One that is on its way out, as at a restart.
    options.name_patience = seconds(60);
    second = *BusService::create(*other, *daemon, options);
    EXPECT_FALSE(test::run_until(
        *loop, [&] { return taken > 1; }, millis(300)));
    service.reset();
    bus = *Bus::create(*loop, private_bus.address());
    ASSERT_TRUE(until([&] { return daemon->status()["bus"]["problem"] == ""; }));
    EXPECT_THAT(get("State"), HasSubstr("off"));
    EXPECT_EQ(taken, 1);
}

TEST_F(BusTest, ANameThatTheBusRefusesIsAProblemThatSaysWhatToDo) {
    const test::PrivateBus strict("<deny own=\"org.rustland1\"/>");
    const auto other = *Bus::create(*loop, strict.address());
    bool taken = false;
    BusServiceOptions options;
    options.name_taken = [&] { taken = true; };
    const auto second = *BusService::create(*other, *daemon, options);
    ASSERT_TRUE(until([&] { return daemon->status()["bus"]["problem"] != ""; }));
    EXPECT_THAT(std::string(daemon->status()["bus"]["problem"]),
                HasSubstr("install the policy org.rustland1.conf"));
    EXPECT_FALSE(taken) << "the daemon is of use without";
}

TEST_F(BusTest, SleepIsHeardOfAndDelayedWhileASchedulerIsOn) {
    int held = -1;
    std::string lock;
    test::FakeService logind(
        private_bus.address(), loop->raw(), "org.freedesktop.login1", [&](sd_bus_message* m) {
            const char *what = nullptr, *who = nullptr, *why = nullptr, *mode = nullptr;
            sd_bus_message_read(m, "ssss", &what, &who, &why, &mode);
            lock = std::string(what) + " " + mode;
            int ends[2] = {-1, -1};
            if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
                return -errno;
            held = ends[0];
            const UniqueFd given(ends[1]);
            return sd_bus_reply_method_return(m, "h", given.get());
        });
    std::vector<bool> told;
    const auto watch = SleepWatch::create(*bus, [&](bool asleep) { told.push_back(asleep); });
    watch->delay_sleep(true);
    ASSERT_TRUE(until([&] { return watch->delaying(); }));
    EXPECT_EQ(lock, "sleep delay");
    const auto emit = [&](int asleep) {
        sd_bus_emit_signal(logind.bus(), "/org/freedesktop/login1",
                           "org.freedesktop.login1.Manager", "PrepareForSleep", "b", asleep);
    };
    emit(1);
    emit(0);
    ASSERT_TRUE(until([&] { return told.size() == 2; }));
    EXPECT_THAT(told, ElementsAre(true, false));
    char byte = 0;
    EXPECT_EQ(::read(held, &byte, 1), -1) << "the lock is still held";
    watch->delay_sleep(false);
    EXPECT_FALSE(watch->delaying());
    EXPECT_TRUE(until([&] { return ::read(held, &byte, 1) == 0; })) << "released";
    ::close(held);
}

TEST_F(BusTest, ARestartOfTheDaemonIsToldFromAStop) {
    test::FakeSystemd systemd(*loop, private_bus.address());
    const auto life = std::make_shared<int>();
    const auto restarting = [&](Bus& b) {
        std::optional<bool> answer;
        ask_whether_restarting(b, life, ::getpid(), [&](bool yes) { answer = yes; });
        EXPECT_TRUE(until([&] { return answer.has_value(); }));
        return answer.value_or(false);
    };
    EXPECT_FALSE(restarting(*bus)) << "a signal, no job";
    systemd.own_job = "stop";
    EXPECT_FALSE(restarting(*bus));
    systemd.own_job = "restart";
    EXPECT_TRUE(restarting(*bus));
    const auto nowhere = *Bus::create(*loop, "unix:path=/nonexistent/bus");
    EXPECT_FALSE(restarting(*nowhere));
}

TEST_F(BusTest, TextThatIsNoUtf8BreaksNothingForAnybody) {
    const auto client = *Bus::create(*loop, private_bus.address());
    const auto life = std::make_shared<int>();
    BusMessage m = client->method(kBusName, kBusPath, kBusInterface, "Hold");
    // Longer than a reason may be, with a character of two bytes where it is cut.
    sd_bus_message_append(m.get(), "ssas", (std::string(199, 'a') + "é").c_str(), "", 0);
    bool held = false;
    client->call(std::move(m), life,
                 [&](sd_bus_message*, const Bus::Failure* failure) { held = failure == nullptr; });
    ASSERT_TRUE(until([&] {
        attach()();
        return held;
    }));
    EXPECT_EQ(get("Holds"), "a(ts) 1 1 \"" + std::string(199, 'a') + "\"\n");
    fixture.add({51, 1, "\xff\xfegame", {"/x/game"}, "/user.slice", "", 100, 1000});
    const_cast<Detector&>(daemon->detector())
        .handle({{ProcessEvent::Kind::Exec, Pid{51}, Pid{51}}});
    EXPECT_EQ(run(call({"ListWorkloads"})),
              "a(sisbs) 1 \"game\" 51 \"??game\" false \"foreground\"\n");
}
