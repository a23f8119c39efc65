// SPDX-License-Identifier: GPL-2.0-only
#include "scheduler/exit_code.hpp"
#include "supervisor/system/cgroup_watch.hpp"
#include "supervisor/system/control_server.hpp"
#include "supervisor/system/exit_status.hpp"
#include "supervisor/system/focus_watch.hpp"
#include "supervisor/system/power.hpp"
#include "supervisor/system/sched_ext.hpp"
#include "supervisor/system/scheduler_client.hpp"
#include "supervisor/system/state_file.hpp"
#include "support/proc_fixture.hpp"
#include "support/scheduler_socket.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(SchedExt, ReadsTheKernelsState) {
    test::ProcFixture fixture;
    const SchedExtReader reader(fixture.sched_ext());
    EXPECT_TRUE(reader.read().supported);
    EXPECT_FALSE(reader.read().attached());
    fixture.kernel("enabled", "rustland_1", 3);
    const KernelState on = reader.read();
    EXPECT_TRUE(on.attached());
    EXPECT_EQ(on.ops, "rustland_1");
    EXPECT_EQ(on.enable_seq, 3U);
    EXPECT_FALSE(SchedExtReader("/nonexistent").read().supported);
}

TEST(SchedExt, KnowsItsUevents) {
    using std::string_literals::operator""s;
    EXPECT_TRUE(is_sched_ext_uevent("remove@/kernel/sched_ext/root\0ACTION=remove\0"s));
    EXPECT_FALSE(is_sched_ext_uevent("add@/devices/x\0SUBSYSTEM=power_supply\0"s));
    EXPECT_FALSE(is_sched_ext_uevent(""));
    EXPECT_TRUE(is_power_uevent("change@/devices/x\0SUBSYSTEM=power_supply\0"s));
    EXPECT_FALSE(is_power_uevent("change@/devices/x\0SUBSYSTEM=usb\0"s));
}

TEST(Power, TellsMainsFromBattery) {
    test::TempDir dir;
    EXPECT_FALSE(PowerReader(dir.root()).read().on_battery) << "no battery: not known";
    dir.write("class/power_supply/AC/type", "Mains\n");
    dir.write("class/power_supply/AC/online", "0\n");
    dir.write("class/power_supply/BAT0/type", "Battery\n");
    dir.write("class/power_supply/BAT0/status", "Discharging\n");
    dir.write("firmware/acpi/platform_profile", "low-power\n");
    EXPECT_EQ(PowerReader(dir.root()).read(), (PowerState{true, "power-saver"}));
    dir.write("class/power_supply/AC/online", "1\n");
    EXPECT_EQ(PowerReader(dir.root()).read().on_battery, false);
    dir.write("class/power_supply/mouse/type", "Battery\n");
    dir.write("class/power_supply/mouse/scope", "Device\n");
    dir.write("class/power_supply/mouse/status", "Discharging\n");
    dir.write("class/power_supply/BAT0/status", "Charging\n");
    dir.write("class/power_supply/AC/online", "0\n");
    EXPECT_EQ(PowerReader(dir.root()).read().on_battery, false) << "a mouse says nothing";
}

TEST(Power, ProfilesOfTheFirmwareAreTakenByTheirMeaning) {
    test::TempDir dir;
    const auto profile = [&](const std::string& told) {
        dir.write("firmware/acpi/platform_profile", told + "\n");
        return PowerReader(dir.root()).read().profile;
    };
    for (const char* saving : {"low-power", "quiet", "cool"})
        EXPECT_EQ(profile(saving), "power-saver") << saving;
    EXPECT_EQ(profile("balanced"), "balanced");
    EXPECT_EQ(profile("balanced-performance"), "balanced");
    EXPECT_EQ(profile("performance"), "performance");
    EXPECT_EQ(profile("max-power"), "performance");
    // What nobody knows is told, and is none of the three.
    EXPECT_EQ(profile("custom"), "custom");
    EXPECT_EQ(profile("extreme"), "custom");
    EXPECT_EQ(profile(""), "");
}

TEST(Focus, IsWhatTheDesktopTells) {
    EXPECT_FALSE(says_inactive("-1"));
    EXPECT_TRUE(says_inactive("1764410000"));
    EXPECT_FALSE(says_inactive(""));
    EXPECT_FALSE(says_inactive("soon"));
}

TEST(Focus, IsReadFromTheCgroupOrTheNearestAboveAndWatched) {
    const test::TempDir dir;
    const std::string app = "/user@1000.service/app.slice/app-game-1.scope";
    std::filesystem::create_directories(dir.root() + app + "/child");
    const auto tell = [&](const std::string& path, const std::string& text) {
        return ::setxattr((dir.root() + path).c_str(), "user.xdg.inactive-since", text.data(),
                          text.size(), 0) == 0;
    };
    if (!tell(app, "-1"))
        GTEST_SKIP() << "this file system has no attributes";
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    int changes = 0;
    auto watch = FocusWatch::create(**loop, dir.root(), [&] { ++changes; });
    ASSERT_TRUE(watch);
    EXPECT_FALSE((*watch)->inactive(app));
    EXPECT_FALSE((*watch)->inactive(app + "/child"));
    EXPECT_FALSE((*watch)->inactive("/nowhere/at.all"));
    ASSERT_TRUE(tell(app, "1764410000"));
    ASSERT_TRUE(test::run_until(**loop, [&] { return changes > 0; }));
    EXPECT_TRUE((*watch)->inactive(app));
    EXPECT_TRUE((*watch)->inactive(app + "/child"));
    // What stands above all applications is none of them.
    std::filesystem::create_directories(dir.root() + "/user@1000.service/app.slice/other.scope");
    ASSERT_TRUE(tell("/user@1000.service", "1764410000"));
    EXPECT_FALSE((*watch)->inactive("/user@1000.service/app.slice/other.scope"));
}

TEST(StateFile, KeepsARunAndRefusesRubbish) {
    test::TempDir dir;
    const StateFile file(dir.path("state.json"));
    ASSERT_TRUE(file.load());
    EXPECT_FALSE(file.load()->has_value());
    const RunRecord record{{"/s", {"-a", "b \"c\""}},
                           {Pid{7}, 99},
                           "ops",
                           "systemd",
                           "s.service",
                           true,
                           {{4, SchedulerSpec{"/x", {"-y"}}, "why", 1000, {Pid{8}, 12}},
                            {5, std::nullopt, "", 0, {Pid{9}, 13}}}};
    ASSERT_TRUE(file.save(record));
    const auto back = file.load();
    ASSERT_TRUE(back && back->has_value());
    EXPECT_EQ((*back)->spec, record.spec);
    EXPECT_EQ((*back)->process, record.process);
    EXPECT_EQ((*back)->unit, "s.service");
    EXPECT_TRUE((*back)->by_command);
    ASSERT_EQ((*back)->holds.size(), 2U);
    EXPECT_EQ((*back)->holds[0].spec, record.holds[0].spec);
    EXPECT_EQ((*back)->holds[0].reason, "why");
    EXPECT_EQ((*back)->holds[1].id, 5U);
    EXPECT_EQ((*back)->holds[1].process, record.holds[1].process);
    EXPECT_FALSE((*back)->holds[1].spec);
    for (const char* bad : {"", "{", "[]", "{\"scheduler\": 3}"}) {
        dir.write("state.json", bad);
        EXPECT_FALSE(file.load()) << bad;
    }
    file.clear();
    EXPECT_FALSE(file.load()->has_value());
    // Nobody has left that: it is no record of a run that is missing.
    std::filesystem::create_symlink(dir.path("nowhere"), dir.path("state.json"));
    EXPECT_FALSE(file.load());
}

TEST(ExitStatus, TellsWhyARunEnded) {
    const auto kind = [](const ProcessEnd& end, bool ours = true) {
        return describe_exit(end, {ours}, "").kind;
    };
    EXPECT_EQ(describe_exit({true, 0, 0}, {true, true}, "").kind, ExitKind::Requested);
    EXPECT_EQ(kind({true, 0, 0}), ExitKind::Outside);
    EXPECT_EQ(kind({true, static_cast<int>(ExitCode::SysRq), 0}), ExitKind::Outside);
    EXPECT_EQ(kind({true, static_cast<int>(ExitCode::Watchdog), 0}), ExitKind::Stalled);
    EXPECT_EQ(kind({true, static_cast<int>(ExitCode::BpfError), 0}), ExitKind::Ejected);
    EXPECT_EQ(kind({true, static_cast<int>(ExitCode::Restart), 0}), ExitKind::Failed);
    EXPECT_EQ(kind({true, static_cast<int>(ExitCode::SysRq), 0}, false), ExitKind::Failed)
        << "another program means something else by it";
    EXPECT_EQ(kind({true, 1, 0}), ExitKind::Failed);
    EXPECT_EQ(kind({true, 0, SIGKILL}), ExitKind::Crashed);
    EXPECT_EQ(kind({true, 0, SIGTERM}), ExitKind::Outside);
    EXPECT_EQ(describe_exit({true, 1, 0}, {true}, "first\nlast words\n\n").reason,
              "exited with status 1: last words");
    EXPECT_EQ(describe_exit({true, 0, SIGKILL}, {true}, "rustland: info: attached\n").reason,
              "killed by SIGKILL");
    EXPECT_EQ(
        describe_exit({true, 0, SIGSEGV}, {true}, "attached: policy deadline, 2 CPUs\n").reason,
        "killed by SIGSEGV")
        << "nobody can say a word of that";
    EXPECT_EQ(describe_exit({true, 0, SIGABRT}, {true}, "attached\nassertion failed\n").reason,
              "killed by SIGABRT: assertion failed");
}

TEST(ExitStatus, WhatSystemdCannotExecuteIsNoProgram) {
    const ProcessEnd end{true, 203, 0};
    supervisor::Run run;
    run.attached = false;
    EXPECT_EQ(describe_exit(end, run, "").kind, ExitKind::Failed) << "the program's own";
    run.unit = true;
    const ExitInfo exit = describe_exit(end, run, "Failed at step EXEC: Exec format error");
    EXPECT_EQ(exit.kind, ExitKind::Misconfigured);
    EXPECT_EQ(exit.reason,
              "systemd could not execute it (status 203): Failed at step EXEC: Exec format error; "
              "correct scheduler= or mend the file, then sudo rustlandctl reload");
    run.attached = true;
    EXPECT_EQ(describe_exit(end, run, "").kind, ExitKind::Failed) << "it had run";
}

TEST(ExitStatus, TellsWhatWouldFailAgain) {
    const auto kind = [](ExitCode code, bool ours, bool attached = false) {
        return describe_exit({true, static_cast<int>(code), 0}, {ours, false, attached}, "").kind;
    };
    for (const ExitCode code :
         {ExitCode::Usage, ExitCode::NoPrivilege, ExitCode::NoSchedExt, ExitCode::KernelTypes}) {
        EXPECT_EQ(kind(code, true), ExitKind::Misconfigured) << int(code);
        EXPECT_EQ(kind(code, true, true), ExitKind::Failed) << "it had run: " << int(code);
    }
    for (const ExitCode code :
         {ExitCode::Failure, ExitCode::OtherScheduler, ExitCode::LoadFailed, ExitCode::Refused})
        EXPECT_EQ(kind(code, true), ExitKind::Failed) << "may pass: " << int(code);
    EXPECT_EQ(kind(ExitCode::Usage, false), ExitKind::Misconfigured) << "as programs have it";
    EXPECT_EQ(kind(ExitCode::KernelTypes, false), ExitKind::Failed) << "means something else";
    EXPECT_EQ(
        describe_exit({true, 2, 0}, {true, false, false}, "").reason,
        "exited with status 2; correct its options (scheduler_args), then sudo rustlandctl reload");
    EXPECT_EQ(describe_exit({true, 5, 0}, {true, false, false}, "no BTF").reason,
              "exited with status 5: no BTF; mend that, then sudo rustlandctl reload");
}

TEST(Request, IsOneJsonObjectWithAName) {
    EXPECT_TRUE(parse_request(R"({"request":"status"})"));
    const std::string deep = R"({"request":"x","a":)" + std::string(100000, '[');
    for (const std::string& bad :
         {std::string(), std::string("x"), std::string("[]"), std::string("{}"),
          std::string(R"({"request":1})"), std::string(R"({"request":"a"} x)"), deep})
        EXPECT_FALSE(parse_request(bad)) << bad.substr(0, 40);
}

namespace {

int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
}

std::string received(int fd) {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

} // namespace

TEST(ControlServer, AnswersLinesAndNoticesWhoLeaves) {
    test::TempDir dir;
    auto loop = Loop::create();
    ASSERT_TRUE(loop);
    std::vector<std::string> seen;
    ClientId left = 0;
    Peer last;
    std::unique_ptr<ControlServer> server;
    auto made = ControlServer::listen(**loop, dir.path("s"),
                                      {[&](const Peer& peer, const nlohmann::json& body) {
                                           seen.push_back(body["request"]);
                                           last = peer;
                                           server->send(peer.id, {{"ok", true}});
                                       },
                                       [&](ClientId id) { left = id; }});
    ASSERT_TRUE(made);
    server = *std::move(made);
    UniqueFd client(connect_to(dir.path("s")));
    // Two requests in three pieces, and one that is none.
    const std::string text = "{\"request\":\"a\"}\n{\"requ";
    ASSERT_EQ(::send(client.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ASSERT_TRUE(test::run_until(**loop, [&] { return seen.size() == 1; }));
    ASSERT_GT(::send(client.get(), "est\":\"b\"}\nrubbish\n", 18, 0), 0);
    ASSERT_TRUE(test::run_until(**loop, [&] { return seen.size() == 2; }));
    EXPECT_THAT(seen, ElementsAre("a", "b"));
    EXPECT_EQ(last.uid, ::getuid());
    EXPECT_EQ(last.pid.value, ::getpid());
    std::string answers;
    test::run_until(**loop, [&] {
        answers += received(client.get());
        return std::count(answers.begin(), answers.end(), '\n') == 3;
    });
    EXPECT_EQ(answers, "{\"ok\":true}\n{\"ok\":true}\n"
                       "{\"error\":\"a request is one line of JSON such as "
                       "{\\\"request\\\":\\\"status\\\"}\",\"ok\":false}\n");
    client.reset();
    EXPECT_TRUE(test::run_until(**loop, [&] { return left == last.id; }));
    EXPECT_EQ(server->clients(), 0U);
}

TEST(ControlServer, CutsOffWhoSendsWithoutEnd) {
    test::TempDir dir;
    auto loop = Loop::create();
    auto server = ControlServer::listen(**loop, dir.path("s"), {});
    ASSERT_TRUE(server);
    const UniqueFd client(connect_to(dir.path("s")));
    ASSERT_TRUE(test::run_until(**loop, [&] { return (*server)->clients() == 1; }));
    const std::string flood(8192, 'x');
    EXPECT_TRUE(test::run_until(**loop, [&] {
        ::send(client.get(), flood.data(), flood.size(), MSG_NOSIGNAL);
        return (*server)->clients() == 0;
    }));
}

TEST(ControlServer, ASecondOneDoesNotTakeTheSocketAway) {
    test::TempDir dir;
    auto loop = Loop::create();
    const auto first = ControlServer::listen(**loop, dir.path("s"), {});
    ASSERT_TRUE(first);
    const auto second = ControlServer::listen(**loop, dir.path("s"), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message(), dir.path("s") + ": another rustlandd is running");
}

TEST(SchedulerClient, SendsTheClassesAndTriesAgainUntilTheyAreTaken) {
    test::TempDir dir;
    auto loop = Loop::create();
    auto made = SchedulerClient::create(**loop, dir.path("s"));
    ASSERT_TRUE(made);
    SchedulerClient& client = **made;
    client.classes({{Pid{9}, Pid{5}}, {Pid{7}}, {Pid{4}, Pid{3}}});
    EXPECT_NE(client.problem(), "") << "nobody listens yet";
    test::FakeSchedulerSocket scheduler(**loop, dir.path("s"));
    ASSERT_TRUE(test::run_until(**loop, [&] { return client.confirmed().foreground.size() == 2; }));
    EXPECT_THAT(scheduler.requests,
                ElementsAre("{\"background\":[7],\"companions\":[3,4],\"foreground\":[5,9],"
                            "\"request\":\"classes\"}\n"));
    EXPECT_EQ(client.problem(), "");
    client.classes({{Pid{5}, Pid{9}}, {Pid{7}}, {Pid{3}, Pid{4}}});
    EXPECT_EQ(scheduler.requests.size(), 1U) << "nothing new";
    scheduler.answer = "{\"error\":\"too many\"}\n";
    client.classes({{Pid{5}}, {}, {}});
    ASSERT_TRUE(test::run_until(**loop, [&] { return !client.problem().empty(); }));
    EXPECT_EQ(client.problem(), dir.path("s") + ": too many");
    scheduler.answer = "{\"ok\":true}\n";
    ASSERT_TRUE(test::run_until(**loop, [&] { return client.confirmed().foreground.size() == 1; }));
    EXPECT_EQ(scheduler.requests.back(),
              "{\"background\":[],\"companions\":[],\"foreground\":[5],\"request\":\"classes\"}"
              "\n");
}

TEST(SchedulerClient, TellsNobodyBehindANameOfSomebodyElse) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to give a socket to somebody else";
    test::TempDir dir;
    auto loop = Loop::create();
    auto made = SchedulerClient::create(**loop, dir.path("name"));
    ASSERT_TRUE(made);
    test::FakeSchedulerSocket scheduler(**loop, dir.path("name"));
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(::chown(dir.path("name").c_str(), kNobody, kNobody), 0);
    (*made)->classes({{Pid{5}}, {}, {}});
    EXPECT_EQ((*made)->problem(), dir.path("name") + ": belongs to somebody else");
    EXPECT_TRUE(scheduler.requests.empty());
    // Root's link to it: what the unit of a scheduler with a user of its own makes.
    ASSERT_EQ(::rename(dir.path("name").c_str(), dir.path("theirs").c_str()), 0);
    ASSERT_EQ(::symlink("theirs", dir.path("name").c_str()), 0);
    ASSERT_TRUE(
        test::run_until(**loop, [&] { return (*made)->confirmed().foreground.size() == 1; }));
}

// Root's name leads to it, and yet it is not the scheduler.
TEST(SchedulerClient, TellsNobodyButTheProcessThatRunsAsTheScheduler) {
    test::TempDir dir;
    auto loop = Loop::create();
    auto made = SchedulerClient::create(**loop, dir.path("name"));
    ASSERT_TRUE(made);
    test::FakeSchedulerSocket impostor(**loop, dir.path("theirs"));
    ASSERT_EQ(::symlink("theirs", dir.path("name").c_str()), 0);
    (*made)->trust(Pid{::getppid()});
    (*made)->classes({{Pid{5}}, {}, {}});
    EXPECT_THAT((*made)->problem(),
                HasSubstr("process " + std::to_string(::getpid()) + " listens there"));
    EXPECT_TRUE(impostor.requests.empty());
    (*made)->trust(Pid{::getpid()});
    EXPECT_TRUE(
        test::run_until(**loop, [&] { return (*made)->confirmed().foreground.size() == 1; }));
    EXPECT_EQ(impostor.requests.size(), 1U);
}

// cgroupfs without a kernel: a folder with as many groups as one user likes.
TEST(CgroupWatch, OneUsersGroupsLeaveWatchesForTheOthers) {
    const test::TempDir dir;
    dir.write("cgroup.procs", "");
    for (int i = 0; i < 1500; ++i)
        std::filesystem::create_directories(
            dir.path("user.slice/user-1001.slice/x/" + std::to_string(i)));
    std::filesystem::create_directories(dir.path("user.slice/user-1002.slice"));
    const auto loop = Loop::create();
    std::vector<std::string> appeared;
    const auto watch = CgroupWatch::create(
        **loop, dir.root(), [](const std::string& path) { return path.ends_with("/game.scope"); },
        [&](const std::string& path) { appeared.push_back(path); });
    ASSERT_TRUE(watch);
    EXPECT_LT((*watch)->watches(), 1100U);
    std::filesystem::create_directories(dir.path("user.slice/user-1002.slice/game.scope"));
    EXPECT_TRUE(test::run_until(**loop, [&] { return !appeared.empty(); }));
    EXPECT_THAT(appeared, ElementsAre("/user.slice/user-1002.slice/game.scope"));
}
