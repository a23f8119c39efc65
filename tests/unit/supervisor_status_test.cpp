// SPDX-License-Identifier: GPL-2.0-only
// What the daemon tells of itself is true and whole: who runs what, why not now, what was refused.
#include "supervisor/system/scheduler_owner.hpp"
#include "support/daemon_test.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

class StatusTest : public DaemonTest {
  protected:
    // A process that keeps a scheduler in the kernel.
    void owner(int pid, const std::string& comm, const std::string& cgroup) const {
        fixture.add({pid, 1, comm, {"/usr/sbin/" + comm}, cgroup, "", 50, 0});
        fixture.open_file(pid, 3, "/dev/null", "pos:\t0\n");
        fixture.open_file(pid, 9, "anon_inode:bpf_link",
                          "pos:\t0\nlink_type:\tstruct_ops\nlink_id:\t3\n");
    }
};

} // namespace

TEST_F(StatusTest, ASchedulerThatIsCalledLikeOursIsNotOurs) {
    fixture.kernel("enabled", "rustland", 1);
    owner(812, "rustland", "/user.slice/user-0.slice/session-1.scope");
    boot();
    const json runs = daemon->status()["runs"];
    EXPECT_EQ(runs["by"], "other");
    EXPECT_EQ(runs["text"], "rustland, which somebody else started (process 812, rustland)");
    EXPECT_THAT(std::string(runs["advice"]), StartsWith("end process 812"));
    game(50);
    EXPECT_THAT(std::string(daemon->status()["why"]), HasSubstr("process 812"));
    EXPECT_EQ(daemon->status()["workloads"][0]["waits"], daemon->status()["why"]);
}

TEST_F(StatusTest, AnotherOneOfTheSameNameIsAnotherOne) {
    fixture.kernel("enabled", "scx_x", 1);
    owner(812, "scx_x", "/system.slice/one.service");
    boot();
    EXPECT_EQ(daemon->status()["runs"]["unit"], "one.service");
    fixture.end(812);
    owner(900, "scx_x", "/system.slice/two.service");
    fixture.kernel("enabled", "scx_x", 2);
    const_cast<Detector&>(daemon->detector()).scan();
    EXPECT_EQ(daemon->status()["runs"]["unit"], "two.service");
}

TEST_F(StatusTest, TheUnitThatIsAlwaysOnIsNoFault) {
    fixture.kernel("enabled", "rustland", 1);
    owner(812, "rustland", "/system.slice/rustland.service");
    boot();
    game(50);
    EXPECT_EQ(daemon->status()["runs"]["by"], "rustland.service");
    EXPECT_THAT(std::string(daemon->status()["runs"]["advice"]),
                HasSubstr("games are not put in front"));
    // It is given up: its unit needs a moment to end.
    fixture.end(812);
    fixture.kernel("disabled", "", 1);
    const_cast<Detector&>(daemon->detector()).scan();
    ASSERT_TRUE(runner->starting);
    runner->fail("rustland.service was started by somebody else", ExitKind::NotTried);
    EXPECT_TRUE(daemon->status()["last_exit"].is_null()) << "nothing has ended";
    EXPECT_TRUE(daemon->status()["quarantined"].empty());
    EXPECT_EQ(daemon->history_entries().back().kind, "waiting");
}

TEST_F(StatusTest, OursAndNobodys) {
    boot();
    EXPECT_EQ(daemon->status()["runs"]["by"], "nobody");
    game(50);
    runner->attach();
    EXPECT_EQ(daemon->status()["runs"]["by"], "rustlandd");
    EXPECT_TRUE(daemon->status()["workloads"][0]["waits"].is_null());
}

TEST_F(StatusTest, WhyNotNowHasTheSameWordsEverywhere) {
    fixture.dir().write("conf", std::string(test::kConfig) +
                                    "[workload tired]\nprogram = tired\non_battery = yes\n");
    boot();
    game(50, "tired");
    const json why = daemon->status()["why"];
    EXPECT_EQ(why, "tired waits: only on battery (on_battery = yes), now on mains");
    EXPECT_EQ(daemon->status()["workloads"][0]["waits"], why);
    EXPECT_EQ(ask({{"request", "list"}})["workloads"][0]["waits"], why);
    EXPECT_EQ(ask({{"request", "explain"}, {"pid", 50}})["explanation"]["waits"], why);
    game(60);
    runner->attach();
    EXPECT_TRUE(ask({{"request", "list"}})["workloads"][0]["waits"].is_null()) << "it is on";
    ask({{"request", "stop"}});
    runner->stopped();
    EXPECT_EQ(ask({{"request", "list"}})["workloads"][0]["waits"], daemon->status()["why"]);
    EXPECT_THAT(std::string(daemon->status()["why"]), StartsWith("stopped by command of root"));
}

TEST_F(StatusTest, ARefusedReloadIsRememberedUntilOneSucceeds) {
    boot();
    EXPECT_TRUE(daemon->status()["refused_configuration"].is_null());
    int changes = 0;
    daemon->on_change([&] { ++changes; });
    fixture.dir().write("conf", "[supervisor]\nlinger = x\n[oops]\n");
    ask({{"request", "reload"}});
    EXPECT_GT(changes, 0);
    const json refused = daemon->status()["refused_configuration"];
    ASSERT_TRUE(refused.is_object());
    EXPECT_THAT(std::string(refused["text"]), HasSubstr("conf:2: [supervisor] linger: "));
    EXPECT_GT(refused["time_ms"], 1'700'000'000'000);
    fixture.dir().write("conf", test::kConfig);
    ask({{"request", "reload"}});
    EXPECT_TRUE(daemon->status()["refused_configuration"].is_null());
}

TEST_F(StatusTest, FailuresHaveATimeAndAReason) {
    boot();
    game(50);
    runner->fail("exited with status 2: no such option", ExitKind::Misconfigured);
    const json entry = daemon->status()["quarantined"][0];
    EXPECT_EQ(entry["reason"], "exited with status 2: no such option");
    const std::int64_t age = wall_clock_ms() - entry["since_ms"].get<std::int64_t>();
    EXPECT_GE(age, 0);
    EXPECT_LT(age, 60'000);
    EXPECT_EQ(daemon->status()["last_exit"]["kind"], "misconfigured");
}

TEST_F(StatusTest, WhatIsHeldIsListed) {
    boot();
    fixture.add({70, 1, "rustlandctl", {"rustlandctl"}, "/", "", 9, 4711});
    daemon->request({7, 4711, Pid{70}, Right::Hold},
                    {{"request", "hold"}, {"reason", "doom9"}, {"pid", 70}}, [](const json&) {});
    runner->attach();
    const json listed = ask({{"request", "list"}})["workloads"][0];
    EXPECT_EQ(listed["rule"], "hold 1");
    EXPECT_EQ(listed["pid"], 70);
    EXPECT_EQ(listed["class"], "foreground");
    EXPECT_EQ(listed["name"], "doom9");
    EXPECT_EQ(listed["by"], "hold");
    EXPECT_TRUE(ask({{"request", "list"}}, 1001)["workloads"].empty()) << "another user's";
}

TEST(SchedulerOwner, HoldsTheLinkOrTheMap) {
    EXPECT_TRUE(is_struct_ops_fdinfo("pos:\t0\nlink_type:\tstruct_ops\n"));
    EXPECT_TRUE(is_struct_ops_fdinfo("map_type:\t26\nkey_size:\t4\n"));
    EXPECT_FALSE(is_struct_ops_fdinfo("link_type:\tcgroup\n"));
    EXPECT_FALSE(is_struct_ops_fdinfo("map_type:\t2\nmap_type_x:\t26\n"));
    EXPECT_FALSE(is_struct_ops_fdinfo(""));
    EXPECT_EQ(unit_of_cgroup("/system.slice/scx.service"), "scx.service");
    EXPECT_EQ(unit_of_cgroup("/user.slice/user-0.slice/session-1.scope"), "");
    EXPECT_EQ(unit_of_cgroup("/user.slice/user-1.slice/user@1.service/app.slice/a.service"), "")
        << "another systemd's";
}

TEST(SchedulerOwner, OfSeveralTheOneThatIsCalledSo) {
    const test::ProcFixture fixture;
    EXPECT_FALSE(find_scheduler_owner(fixture.proc(), "scx_b"));
    for (const auto& [pid, comm] : std::map<int, const char*>{{5, "tcp_tool"}, {6, "scx_b"}}) {
        fixture.add({pid, 1, comm, {comm}, "/system.slice/x.service", "", 50, 0});
        fixture.open_file(pid, 3, "anon_inode:bpf-map", "map_type:\t26\n");
    }
    fixture.add({4, 1, "scx_b", {"x"}, "/", "", 50, 0}); // only the name
    EXPECT_EQ(find_scheduler_owner(fixture.proc(), "scx_c")->pid, Pid{5}) << "any holder";
    fixture.add({7, 1, "scx_c", {"x"}, "/system.slice/c.service", "", 50, 0});
    EXPECT_EQ(find_scheduler_owner(fixture.proc(), "scx_c")->pid, Pid{7})
        << "a service with a user of its own, whose descriptors cannot be seen";
    EXPECT_EQ(find_scheduler_owner(fixture.proc(), "scx_b_1.2")->pid, Pid{6});
    EXPECT_EQ(find_scheduler_owner(fixture.proc(), "scx_b_1.2")->unit.str(), "x.service");
}

// Left by a unit that was masked while it ran: the scheduler would take it for somebody else's.
TEST_F(StatusTest, ALinkToASocketThatIsGoneIsTakenAwayBeforeAStart) {
    const std::string link = fixture.dir().path("scheduler.sock");
    std::filesystem::create_symlink("scheduler/scheduler.sock", link);
    boot();
    game(50);
    ASSERT_TRUE(runner->starting);
    EXPECT_FALSE(std::filesystem::is_symlink(link));
    runner->fail("broken");
    // One that leads to something is left as it is.
    fixture.dir().write("scheduler/scheduler.sock", "");
    std::filesystem::create_symlink("scheduler/scheduler.sock", link);
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    EXPECT_TRUE(std::filesystem::is_symlink(link));
}

TEST_F(StatusTest, WhatKeepsAStartFromBeingTriedIsToldBeforeAGameAndDuringOne) {
    boot();
    EXPECT_EQ(daemon->status()["could_not_start"], "");
    runner->holds_a_start = "no bus; start it";
    EXPECT_EQ(daemon->status()["could_not_start"], "no bus; start it");
    runner->holds_a_start.clear();
    game(50);
    runner->fail("the unit is enabled; disable it", ExitKind::NotTried);
    EXPECT_EQ(daemon->status()["could_not_start"], "the unit is enabled; disable it");
    ASSERT_TRUE(until([&] { return runner->starting.has_value(); }));
    runner->attach();
    EXPECT_EQ(daemon->status()["could_not_start"], "");
}

TEST_F(StatusTest, ARunnerThatIsNotTheOneAskedForIsTold) {
    fixture.dir().write(
        "conf", std::string(test::kConfig).insert(sizeof("[supervisor]"), "runner = child\n"));
    boot();
    EXPECT_EQ(daemon->status()["runner_note"], "");
    runner->name = "systemd";
    EXPECT_THAT(std::string(daemon->status()["runner_note"]),
                testing::AllOf(StartsWith("runner = child is not in force: "),
                               HasSubstr("CAP_BPF, CAP_PERFMON and CAP_KILL"),
                               testing::EndsWith("; set runner = auto")));
}
