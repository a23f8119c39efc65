// SPDX-License-Identifier: GPL-2.0-only
// Processes that serve a workload are in the foreground while it is, and no longer.
#include "supervisor/core/class_list.hpp"
#include "support/daemon_test.hpp"
#include "support/scheduler_socket.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using test::DaemonTest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace {

constexpr uid_t kPlayer = 4711;
constexpr uid_t kOther = 1001;

ProcessKey key(int pid) { return {Pid{pid}, static_cast<std::uint64_t>(pid)}; }

Config config_of(const std::string& workload_class) {
    const BuiltConfig built =
        build_config({parse_ini("[companion screen]\ncomm = screen\n[workload game]\ncomm = game\n"
                                "class = " +
                                    workload_class + "\n",
                                "f")},
                     [](const std::string&) { return std::nullopt; });
    EXPECT_TRUE(built.problems.empty());
    Config config = built.config;
    config.rules.front().companions = std::vector<std::string>{"screen"};
    return config;
}

Member game_member(int pid, uid_t user = kPlayer) {
    return {key(pid), "game", "x", false, {}, user};
}

constexpr const char* kDaemonConfig =
    "[supervisor]\nscheduler = /opt/rustland\nlinger = 1min\nmin_dwell = 0\n"
    "[companion screen]\nprogram = kwin_wayland\n"
    "[companion sound]\ncomm = pipewire\nuser = 4711\n"
    "[companion unused]\ncomm = unused\n"
    "[workload game]\nprogram = game\ncompanions = screen, sound\n"
    "[workload other]\nprogram = other\n";

class CompanionDaemon : public DaemonTest {
  protected:
    CompanionDaemon() {
        fixture.dir().write("conf", kDaemonConfig);
        socket.emplace(*loop, fixture.dir().path("scheduler.sock"));
    }
    // Starts before the daemon, as a session does.
    void desktop() {
        fixture.add({20, 1, "kwin_wayland", {"/usr/bin/kwin_wayland"}, "/u", "", 10, kPlayer});
        fixture.add({21, 20, "terminal", {"/usr/bin/terminal"}, "/u", "", 11, kPlayer});
        fixture.add({22, 1, "pipewire", {"/usr/bin/pipewire"}, "/u", "", 12, kPlayer});
        fixture.add({23, 1, "pipewire", {"/usr/bin/pipewire"}, "/u", "", 13, kOther});
        fixture.add({24, 1, "unused", {"/usr/bin/unused"}, "/u", "", 14, kPlayer});
    }
    std::vector<int> told(const char* what = "companions") {
        return daemon->status()["classes"][what].get<std::vector<int>>();
    }
    bool told_within_time(const std::vector<int>& wanted) {
        return until([&] { return told() == wanted; });
    }
    std::optional<test::FakeSchedulerSocket> socket;
};

} // namespace

TEST(ClassListOfCompanions, AreThoseOfAMemberInTheForeground) {
    const std::vector<Companion> companions{{key(5), "screen", "x", kPlayer},
                                            {key(6), "sound", "x", kPlayer}};
    const Config config = config_of("foreground");
    const ClassList list = class_list({game_member(10)}, config, {}, companions);
    EXPECT_THAT(list.classes.foreground, ElementsAre(Pid{10}));
    EXPECT_THAT(list.classes.companions, ElementsAre(Pid{5})) << "what nobody names is left alone";
    EXPECT_THAT(class_list({}, config, {}, companions).classes.companions, IsEmpty());
    EXPECT_THAT(class_list({}, config, {{key(10), kPlayer}}, companions).classes.companions,
                IsEmpty())
        << "a hold names no companions";
    EXPECT_THAT(
        class_list({game_member(10)}, config_of("background"), {}, companions).classes.companions,
        IsEmpty());
}

TEST(ClassListOfCompanions, AProcessThatIsAWorkloadHasThatClassAlone) {
    const Config config = config_of("foreground");
    const ClassList list =
        class_list({game_member(10)}, config, {{key(5), kPlayer}},
                   {{key(10), "screen", "x", kPlayer}, {key(5), "screen", "x", kPlayer}});
    EXPECT_THAT(list.classes.foreground, ElementsAre(Pid{5}, Pid{10}));
    EXPECT_THAT(list.classes.companions, IsEmpty());
}

// Whoever has more than may be told loses companions before games, and takes nothing from others.
TEST(ClassListOfCompanions, CountAgainstTheirUserAndComeLast) {
    std::vector<Member> members;
    std::vector<Companion> companions{{key(1), "screen", "x", kOther}};
    for (int pid = 10'000; pid < 10'000 + static_cast<int>(kMostClassedPerUser) - 1; ++pid)
        members.push_back(game_member(pid));
    companions.push_back({key(2), "screen", "x", kPlayer});
    companions.push_back({key(3), "screen", "x", kPlayer});
    const ClassList list = class_list(members, config_of("foreground"), {}, companions);
    EXPECT_EQ(list.classes.foreground.size(), members.size());
    EXPECT_THAT(list.classes.companions, ElementsAre(Pid{1}, Pid{2}));
    EXPECT_THAT(list.cut, ElementsAre(kPlayer));
}

TEST_F(CompanionDaemon, AreInTheForegroundWhileTheWorkloadIs) {
    desktop();
    boot();
    EXPECT_FALSE(runner->starting) << "a companion starts no scheduler";
    game(60, "other");
    runner->attach();
    ASSERT_TRUE(until([&] { return told("foreground") == std::vector{60}; }));
    EXPECT_THAT(told(), IsEmpty()) << "this workload names none";
    game(50);
    ASSERT_TRUE(told_within_time({20, 22}));
    EXPECT_THAT(socket->requests.back(), HasSubstr("\"companions\":[20,22]"));
    EXPECT_EQ(told("foreground"), (std::vector{50, 60})) << "not what descends from a compositor";
    fixture.end(50);
    ASSERT_TRUE(told_within_time({}));
    EXPECT_EQ(phase(), "on");
}

TEST_F(CompanionDaemon, ComeAndGoBesideTheWorkload) {
    boot();
    game(50);
    runner->attach();
    ASSERT_TRUE(until([&] { return told("foreground") == std::vector{50}; }));
    desktop();
    exec(22);
    ASSERT_TRUE(told_within_time({22}));
    fixture.end(22);
    ASSERT_TRUE(told_within_time({}));
}

TEST_F(CompanionDaemon, ANewConfigurationFindsThemAnew) {
    desktop();
    boot();
    game(50);
    runner->attach();
    ASSERT_TRUE(told_within_time({20, 22}));
    std::string text = kDaemonConfig;
    const std::string named = "companions = screen, sound\n";
    text.replace(text.find(named), named.size(), "companions = sound, unused\n");
    fixture.dir().write("conf", text);
    ASSERT_EQ(ask({{"request", "reload"}})["ok"], true);
    ASSERT_TRUE(told_within_time({22, 24}));
}

TEST_F(CompanionDaemon, AreThoseOfUsersWhoSitAtTheMachine) {
    std::set<uid_t> at_the_machine{kOther};
    seated = [&](uid_t user, Pid) { return at_the_machine.contains(user); };
    desktop();
    fixture.add({30, 1, "kwin_wayland", {"/usr/bin/kwin_wayland"}, "/u", "", 15, kOther});
    boot();
    fixture.add({50, 1, "game", {"/x/game"}, "/u", "", 100, kOther});
    exec(50);
    runner->attach();
    ASSERT_TRUE(told_within_time({30}));
    at_the_machine = {kOther, kPlayer};
    const_cast<Detector&>(daemon->detector()).scan();
    ASSERT_TRUE(told_within_time({20, 22, 30}));
    at_the_machine = {kOther};
    const_cast<Detector&>(daemon->detector()).scan();
    ASSERT_TRUE(told_within_time({30}));
}

TEST_F(CompanionDaemon, AreShown) {
    desktop();
    boot();
    game(50);
    runner->attach();
    ASSERT_TRUE(told_within_time({20, 22}));
    EXPECT_EQ(daemon->status()["companions"].dump(),
              R"([{"companion":"screen","processes":1},{"companion":"sound","processes":1}])");
    const json list = ask({{"request", "list"}})["workloads"];
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[1]["rule"], "companion screen");
    EXPECT_EQ(list[1]["class"], "foreground");
    EXPECT_EQ(ask({{"request", "list"}}, kOther)["workloads"].size(), 0U) << "others' processes";
    EXPECT_THAT(ask({{"request", "status"}}, kOther)["status"]["classes"]["companions"], IsEmpty());
    const json mine = ask({{"request", "status"}}, kPlayer)["status"]["classes"]["companions"];
    EXPECT_EQ(mine.size(), 2U);

    const json explained = ask({{"request", "explain"}, {"pid", 20}}, kPlayer)["explanation"];
    EXPECT_EQ(explained["companion"], "screen");
    EXPECT_EQ(explained["companions"].size(), 2U) << "those that a workload names";
    EXPECT_TRUE(explained["decided_by"].is_null());
    const json other = ask({{"request", "explain"}, {"pid", 24}}, kPlayer)["explanation"];
    EXPECT_TRUE(other["companion"].is_null());
}

TEST_F(CompanionDaemon, ExplainNamesNoAncestorsOfOthersForThemEither) {
    std::string text = kDaemonConfig;
    text.replace(text.find("comm = pipewire"), 15, "parent = secret*");
    fixture.dir().write("conf", text);
    fixture.add({40, 1, "secret-of-other", {"/x/secret-of-other"}, "/", "", 16, kOther});
    fixture.add({41, 40, "sound", {"/x/sound"}, "/", "", 17, kPlayer});
    boot();
    const json mine = ask({{"request", "explain"}, {"pid", 41}}, kPlayer);
    EXPECT_EQ(mine["explanation"]["companion"], "sound");
    EXPECT_THAT(mine.dump(), Not(HasSubstr("secret-of-other")));
}
