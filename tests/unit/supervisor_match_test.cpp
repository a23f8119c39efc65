// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"
#include "supervisor/match/matcher.hpp"

#include "rustland/common/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;
using testing::ElementsAre;

namespace {

Matcher matcher_of(const std::string& text) {
    const BuiltConfig built = build_config(
        {parse_ini(text, "f")}, [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    return Matcher(built.config.rules);
}

const Matcher& shipped() {
    static const Matcher matcher = [] {
        const auto text = read_file(RUSTLAND_SOURCE_DIR "/supervisor/rustland.conf");
        return matcher_of(text.value_or(""));
    }();
    return matcher;
}

ProcessInfo process(const std::string& comm, std::vector<std::string> argv,
                    const std::string& exe = "", const std::string& cgroup = "/user.slice") {
    ProcessInfo p;
    p.key = {Pid{100}, 1};
    p.comm = comm;
    p.argv = std::move(argv);
    p.steam_appid = steam_appid_from_argv(p.argv);
    if (!exe.empty())
        p.exe = exe;
    p.cgroup = cgroup;
    if (const auto appid = steam_appid_from_cgroup(cgroup))
        p.steam_appid = appid;
    p.uid = 1000;
    return p;
}

// The rule that the shipped configuration finds, "" for none, "deny" where it is denied.
std::string verdict(const ProcessInfo& p) {
    const Rule* rule = shipped().match(p);
    if (rule == nullptr)
        return "";
    return rule->deny ? "deny" : rule->name;
}

} // namespace

TEST(Glob, CoversTheWholeTextAndCrossesSlashes) {
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("/home/*/game", "/home/a/b/game"));
    EXPECT_FALSE(glob_matches("game", "game2"));
    EXPECT_TRUE(glob_matches("g?me", "game"));
    EXPECT_TRUE(glob_matches("[a-c]x[!0-9]", "bxz"));
    EXPECT_FALSE(glob_matches("[a-c]x[!0-9]", "bx5"));
    EXPECT_TRUE(glob_matches("[x", "[x"));
    EXPECT_TRUE(glob_matches("[]]", "]"));
    EXPECT_TRUE(glob_matches("*.EXE", "game.exe", true));
    EXPECT_TRUE(glob_matches("a*b*c", "a__b_b__c"));
    EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, StaysFastOnHostileText) {
    const std::string text(20000, 'a');
    EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*b", text));
}

TEST(Pattern, ARegularExpressionMatchesAnywhereAndStopsAtTheTextsEnd) {
    const auto p = Pattern::compile("~[0-9]+x$");
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->matches("abc12x"));
    EXPECT_FALSE(p->matches("abc12xy"));
    const std::string longer = "12xy";
    EXPECT_TRUE(p->matches(std::string_view(longer).substr(0, 3)));
}

TEST(Pattern, ARegularExpressionIsBoundedOnHostileText) {
    const std::string many_plus = "~x" + std::string(100, '+') + "y";
    EXPECT_FALSE(Pattern::compile(many_plus));
    const auto p = Pattern::compile(R"(~^(a+)+\1$)");
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->matches("aa"));
    EXPECT_FALSE(p->matches(std::string(20000, 'a') + "b"));
}

TEST(Pattern, ARegularExpressionTakesBytesAsTheyAre) {
    const auto p = Pattern::compile("~^/games/.*\\.exe$");
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->matches("/games/caf\xe9/a\nb.exe"));
    EXPECT_FALSE(p->matches("/games/a.exe\n"));
    EXPECT_FALSE(p->matches("/games/a.EXE"));
    EXPECT_TRUE(p->matches_any_case("/games/a.EXE"));
}

TEST(ProgramNames, AreTheFullNamesThatAProcessIsKnownBy) {
    EXPECT_THAT(program_names({"/usr/bin/supertuxkart"}, "supertuxkart"),
                ElementsAre("supertuxkart"));
    EXPECT_THAT(program_names({"Z:\\games\\Foo\\Foo-Win64-Shipping.exe"}, "Foo-Win64-Shipp"),
                ElementsAre("Foo-Win64-Shipping.exe"));
    EXPECT_THAT(program_names({"/opt/wine/bin/wine64-preloader", "/opt/wine/bin/wine64",
                               "C:\\Games\\My Game\\Game.exe", "-dx11"},
                              "wine64-preloade"),
                ElementsAre("wine64-preloader", "Game.exe"));
    EXPECT_THAT(
        program_names({"/bin/sh", "/usr/games/my-very-long-game-script", "x"}, "my-very-long-ga"),
        ElementsAre("sh", "my-very-long-game-script"));
    EXPECT_THAT(
        program_names({"/usr/bin/python3", "-I", "/usr/bin/lutris-wrapper"}, "lutris-wrapper"),
        ElementsAre("python3", "lutris-wrapper"));
    EXPECT_THAT(program_names({"-bash"}, "bash"), ElementsAre("bash"));
    EXPECT_TRUE(program_names({}, "kthread").empty());
    EXPECT_EQ(file_name("C:/x/y.exe"), "y.exe");
    EXPECT_EQ(file_name("/a/b\\c"), "b\\c");
}

TEST(SteamAppid, IsReadFromTheScopeAndFromTheReaper) {
    EXPECT_EQ(steam_appid_from_cgroup("/user.slice/user@1000.service/app.slice/"
                                      "app-steam-app1091500-4711.scope"),
              1091500U);
    EXPECT_FALSE(steam_appid_from_cgroup("/app-steam-appx.scope"));
    EXPECT_FALSE(steam_appid_from_cgroup("/user.slice"));
    EXPECT_EQ(steam_appid_from_argv({"reaper", "SteamLaunch", "AppId=570", "--", "x"}), 570U);
    EXPECT_FALSE(steam_appid_from_argv({"reaper", "SteamLaunch"}));
    EXPECT_FALSE(steam_appid_from_argv({"x", "AppId=570"}));
    EXPECT_FALSE(steam_appid_from_argv({"reaper", "SteamLaunch", "AppId=99999999999"}));
}

TEST(ShippedRules, TakeWhatIsAGame) {
    EXPECT_EQ(verdict(process("reaper", {"/home/a/.local/share/Steam/ubuntu12_32/reaper",
                                         "SteamLaunch", "AppId=1091500", "--", "/x/proton"})),
              "steam");
    EXPECT_EQ(verdict(process("wine64-preloade",
                              {"Z:\\home\\a\\steamapps\\common\\Foo\\Foo-Win64-Shipping.exe"},
                              "/home/a/proton/files/bin/wine64-preloader")),
              "wine");
    EXPECT_EQ(verdict(process("GAME.EXE", {"C:\\GAME.EXE"})), "wine");
    EXPECT_EQ(verdict(process("python3", {"python3", "/usr/share/lutris/bin/lutris-wrapper",
                                          "Celeste", "0", "0"})),
              "lutris");
    EXPECT_EQ(verdict(process("java", {"/usr/lib/jvm/java-21/bin/java", "-Xmx4G", "-cp", "x.jar",
                                       "net.minecraft.client.main.Main"})),
              "minecraft");
    EXPECT_EQ(verdict(process("java", {"/usr/bin/java", "org.eclipse.Main"})), "");
    EXPECT_EQ(verdict(process("GameThread", {"/g/MyGame-Linux-Shipping", "MyGame"})), "engines");
    EXPECT_EQ(verdict(process("supertuxkart", {"supertuxkart"})), "native");
    EXPECT_EQ(verdict(process("gamescope-wl", {"gamescope", "-f", "--", "x"})), "gamescope");
    EXPECT_EQ(verdict(process("bwrap", {"bwrap", "--args", "42", "--", "supertuxkart"}, "",
                              "/user.slice/user-1000.slice/user@1000.service/app.slice/"
                              "app-flatpak-org.supertuxkart.SuperTuxKart-1234.scope")),
              "flatpak");
}

TEST(ShippedRules, LeaveHelpersAlone) {
    EXPECT_EQ(verdict(process("EasyAntiCheat.e", {"C:\\x\\EasyAntiCheat.exe"})), "deny");
    EXPECT_EQ(verdict(process("UnityCrashHand", {"Z:\\g\\UnityCrashHandler64.exe"})), "deny");
    EXPECT_EQ(verdict(process("services.exe", {"C:\\windows\\system32\\services.exe"})), "deny");
    EXPECT_EQ(verdict(process("EXPLORER.EXE", {"C:\\windows\\system32\\EXPLORER.EXE"})), "deny");
    EXPECT_EQ(verdict(process("Battle.net Help", {"C:\\b\\Battle.net Helper.exe"})), "deny");
    EXPECT_EQ(verdict(process("wineserver", {"/x/wineserver"})), "deny");
    EXPECT_EQ(verdict(process("fossilize_repla", {"/s/fossilize_replay", "--master"})), "deny");
    EXPECT_EQ(verdict(process("steam", {"/home/a/.steam/steam"})), "");
    EXPECT_EQ(verdict(process("bash", {"-bash"})), "");
    EXPECT_EQ(verdict(process("kworker/0:1", {})), "");
}

TEST(ShippedRules, ChildrenOfTheReaperCarryItsAppid) {
    ProcessInfo p = process("Game.x86_64", {"./Game.x86_64"});
    EXPECT_EQ(verdict(p), "");
    p.ancestors.push_back({{Pid{90}, 1}, "sh", {"sh"}, std::nullopt});
    p.ancestors.push_back({{Pid{80}, 1}, "reaper", {"reaper"}, 367520});
    EXPECT_EQ(verdict(p), "steam");
}

TEST(Matcher, AllKeysMustHoldAndAnyItemWillDo) {
    const Matcher m = matcher_of("[workload a]\ncomm = x, y\nexe = /g/*\nuser = 1000\n");
    EXPECT_NE(m.match(process("y", {"y"}, "/g/y")), nullptr);
    EXPECT_EQ(m.match(process("z", {"z"}, "/g/y")), nullptr);
    EXPECT_EQ(m.match(process("x", {"x"}, "/h/y")), nullptr);
    EXPECT_EQ(m.match(process("x", {"x"})), nullptr) << "an unreadable exe matches nothing";
    ProcessInfo other = process("x", {"x"}, "/g/x");
    other.uid = 1001;
    EXPECT_EQ(m.match(other), nullptr);
}

TEST(Matcher, ParentIsTheFirstAncestorOnly) {
    const Matcher m = matcher_of("[workload p]\nparent = boss\n[workload a]\nancestor = boss\n");
    ProcessInfo p = process("x", {"x"});
    p.ancestors.push_back({{Pid{9}, 1}, "sh", {"sh"}, std::nullopt});
    p.ancestors.push_back({{Pid{8}, 1}, "boss", {"boss"}, std::nullopt});
    ASSERT_NE(m.match(p), nullptr);
    EXPECT_EQ(m.match(p)->name, "a");
    p.ancestors.erase(p.ancestors.begin());
    EXPECT_EQ(m.match(p)->name, "p");
}

TEST(Matcher, PriorityDecidesThenDenyThenOrder) {
    const Matcher m = matcher_of("[workload low]\ncomm = x\npriority = 1\n"
                                 "[workload high]\ncomm = x\npriority = 2\n"
                                 "[workload no]\ncomm = y\ndeny = yes\npriority = 2\n"
                                 "[workload same]\ncomm = y\npriority = 2\n"
                                 "[workload above]\ncomm = z\npriority = 2000\n"
                                 "[workload no2]\ncomm = z\ndeny = yes\n");
    EXPECT_EQ(m.match(process("x", {}))->name, "high");
    EXPECT_EQ(m.match(process("y", {}))->name, "no");
    EXPECT_EQ(m.match(process("z", {}))->name, "above");
}

TEST(Matcher, ADisabledRuleMatchesNothing) {
    const Matcher m = matcher_of("[workload a]\ncomm = x\nenabled = no\n");
    EXPECT_EQ(m.match(process("x", {})), nullptr);
    EXPECT_FALSE(m.explain(process("x", {})).rules[0].matched);
}

TEST(Matcher, ExplainsEveryKeyOfEveryRule) {
    const Matcher m = matcher_of("[workload a]\ncomm = x\nexe = /g/*, /h/*\n"
                                 "[workload b]\ncomm = x\n");
    const Explanation e = m.explain(process("x", {"x"}, "/usr/x"));
    ASSERT_EQ(e.rules.size(), 2U);
    EXPECT_EQ(e.decided_by, "b");
    EXPECT_FALSE(e.rules[0].matched);
    ASSERT_EQ(e.rules[0].keys.size(), 2U);
    EXPECT_TRUE(e.rules[0].keys[0].matched);
    EXPECT_EQ(e.rules[0].keys[1].key, "exe");
    EXPECT_FALSE(e.rules[0].keys[1].matched);
    EXPECT_EQ(e.rules[0].keys[1].wanted, "/g/*, /h/*");
    EXPECT_EQ(e.rules[0].keys[1].actual, "/usr/x");
    EXPECT_EQ(e.rules[0].line, 1);
}

TEST(Matcher, AsksOnlyForWhatItsRulesLookAt) {
    const Needs none = matcher_of("[workload a]\ncomm = x\n").needs();
    EXPECT_FALSE(none.argv || none.exe || none.cgroup || none.uid || none.parent ||
                 none.ancestors || none.steam_appid);
    const Needs some = matcher_of("[workload a]\nexe = x\nancestor = y\n").needs();
    EXPECT_TRUE(some.exe && some.ancestors);
    EXPECT_FALSE(some.cgroup);
    EXPECT_TRUE(matcher_of("[workload a]\ncgroup = /x/*\n").wants_cgroup("/x/y"));
}
