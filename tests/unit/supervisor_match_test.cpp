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

TEST(ProgramNames, DoNotComeFromTheProcessItselfAlone) {
    // A launcher may give a Windows program no name but options.
    EXPECT_THAT(program_names({"-screen-fullscreen", "0", "-popupwindow"}, "-screen-fullsc",
                              "/opt/proton/files/bin/wine64-preloader",
                              "/home/a/pfx/drive_c/Game/Game.exe"),
                ElementsAre("-screen-fullscreen", "Game.exe", "wine64-preloader"));
    // The program stands behind the options of whatever started it.
    EXPECT_THAT(program_names({"/usr/bin/wine64-preloader", "/usr/bin/wine64", "--some", "option",
                               "--more", "C:\\g\\Game.exe", "-mod", "Other.exe"},
                              "wine64-preloade"),
                ElementsAre("wine64-preloader", "Game.exe"));
    EXPECT_THAT(program_names({"start", "-w", "C:\\g\\Game.exe"}, "start", "/usr/lib/wine/wine64"),
                ElementsAre("start", "Game.exe", "wine64"));
    EXPECT_THAT(program_names({"wine", "notepad"}, "wine"), ElementsAre("wine", "notepad"));
    EXPECT_THAT(program_names({"renamed"}, "renamed", "/opt/game/Game.x86_64"),
                ElementsAre("renamed", "Game.x86_64"));
    EXPECT_THAT(program_names({"-x"}, "-x"), ElementsAre("-x"));
    EXPECT_THAT(program_names({}, "gone", "/opt/game/Game"), ElementsAre("Game"));
}

TEST(SteamAppid, IsReadFromTheEnvironment) {
    using std::string_literals::operator""s;
    EXPECT_EQ(steam_appid_from_environ("A=1\0SteamAppId=440\0B=2\0"s), 440U);
    EXPECT_EQ(steam_appid_from_environ("SteamGameId=570"), 570U);
    // A program that was added to Steam.
    EXPECT_EQ(steam_appid_from_environ("SteamAppId=0\0SteamGameId=12379419530923311104\0"s),
              2882308217U);
    for (const char* none : {"", "SteamAppId=", "SteamAppId=0", "SteamAppId=4x", "XSteamAppId=440",
                             "STEAM_SteamAppId=1", "SteamAppId=99999999999999999999999"})
        EXPECT_FALSE(steam_appid_from_environ(none)) << none;
    EXPECT_TRUE(started_for_another("/a/app-flatpak-com.valvesoftware.Steam-2222.scope"));
    EXPECT_TRUE(started_for_another("/a/snap.steam.steam-1234.scope"));
    EXPECT_TRUE(started_for_another("/a/run-u17.scope"));
    EXPECT_FALSE(started_for_another("/a/app-gnome-firefox-1.scope"));
    EXPECT_FALSE(started_for_another("/"));
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

TEST(ShippedRules, TakeJavaGamesByWhatTheyHaveInCommon) {
    const auto java = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "/usr/lib/jvm/java-21/bin/java");
        return verdict(process("java", std::move(arguments)));
    };
    EXPECT_EQ(
        java({"-Dminecraft.launcher.brand=minecraft-launcher", "-cp",
              "/h/.minecraft/libraries/net/fabricmc/intermediary/1/i.jar",
              "org.quiltmc.loader.impl.launch.knot.KnotClient", "--gameDir", "/h/.minecraft"}),
        "minecraft");
    EXPECT_EQ(java({"-Xmx4096m", "-cp", "/h/MultiMC/jars/NewLaunch.jar", "org.multimc.EntryPoint"}),
              "minecraft");
    EXPECT_EQ(java({"com.moonsworth.lunar.genesis.Genesis", "--version", "1.21"}), "minecraft");
    EXPECT_EQ(java({"-cp", "x.jar", "some.mod.loader.Main", "--accessToken", "0", "--assetsDir",
                    "/h/.minecraft/assets"}),
              "minecraft");
    EXPECT_EQ(java({"-cp", "/h/.minecraft/libraries/com/mojang/authlib/1/a.jar", "x.Main"}),
              "minecraft");
    EXPECT_EQ(java({"-cp", "game.jar:lwjgl-3.3.jar", "com.example.Game"}), "java-games");
    EXPECT_EQ(java({"-jar", "server.jar", "nogui"}), "deny");
    EXPECT_EQ(java({"-cp", "/s/libraries/com/mojang/x.jar", "net.minecraft.server.Main"}), "deny");
    EXPECT_EQ(java({"-jar", "/usr/share/idea/idea.jar"}), "");
}

TEST(ShippedRules, TakeWindowsProgramsThatCarryNoName) {
    EXPECT_EQ(verdict(process("-screen-fullsc", {"-screen-fullscreen", "0", "-popupwindow"},
                              "/opt/proton/files/bin/wine64-preloader")),
              "wine-unnamed");
    ProcessInfo mapped = process("-silent", {"-silent"}, "/usr/bin/wine64-preloader");
    mapped.module = "/home/a/pfx/drive_c/Game/Game.exe";
    EXPECT_EQ(verdict(mapped), "wine");
    mapped.module = "/home/a/pfx/drive_c/Program Files/EA/EADesktop.exe";
    EXPECT_EQ(verdict(mapped), "deny");
    EXPECT_EQ(verdict(process("-bash", {"-bash"}, "/usr/bin/bash")), "");
}

TEST(ShippedRules, TakeGamesOfASteamInASandbox) {
    const std::string scope = "/user.slice/user-1000.slice/user@1000.service/app.slice/"
                              "app-flatpak-com.valvesoftware.Steam-2222.scope";
    const std::string game = "/home/u/.local/share/Steam/steamapps/common/tf2/tf_linux64";
    EXPECT_EQ(verdict(process("tf_linux64", {game, "-game", "tf"}, "", scope)), "steam-flatpak");
    EXPECT_EQ(verdict(process("steam", {"/h/.local/share/Steam/ubuntu12_32/steam"}, "", scope)),
              "");
    EXPECT_EQ(
        verdict(process("steamwebhelper", {"./steamwebhelper", "/steamapps/common/x"}, "", scope)),
        "deny");
    EXPECT_EQ(verdict(process("tf_linux64", {game})), "") << "anybody may have such a path";
}

TEST(ShippedRules, ASessionOfGamescopeIsNoGame) {
    const auto gamescope = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "gamescope");
        return verdict(process("gamescope-wl", std::move(arguments)));
    };
    EXPECT_EQ(gamescope({"-e", "--", "steam", "-gamepadui"}), "deny");
    EXPECT_EQ(gamescope({"-W", "1280", "--steam", "-R", "/run/s"}), "deny");
    EXPECT_EQ(gamescope({"-fe", "--xwayland-count", "2"}), "deny");
    EXPECT_EQ(gamescope({"-f", "--", "/usr/bin/steam", "-gamepadui"}), "deny");
    EXPECT_EQ(gamescope({"-f", "--", "lutris"}), "deny");
    EXPECT_EQ(gamescope({"-f", "--", "gamescope-session-plus"}), "deny");
    EXPECT_EQ(gamescope({"-f", "--", "supertuxkart"}), "gamescope");
    EXPECT_EQ(gamescope({"-f", "--", "/g/steamapps/common/x/game", "-e"}), "gamescope");
    EXPECT_EQ(gamescope({"-f", "--", "proton", "waitforexitandrun", "/g/Game.exe"}), "gamescope");
}

TEST(ShippedRules, LeaveHelpersAlone) {
    EXPECT_EQ(verdict(process("umu.exe", {"C:\\windows\\system32\\umu.exe"})), "deny");
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
    EXPECT_EQ(e.rules[0].keys[1].wanted, (std::vector<std::string>{"/g/*", "/h/*"}));
    EXPECT_EQ(e.rules[0].keys[1].actual, "/usr/x");
    EXPECT_EQ(e.rules[0].line, 1);
}

TEST(Matcher, AGpuRuleWaitsForALookAndNeverMatchesWithoutOne) {
    const Matcher m = matcher_of("[workload no]\ndeny = yes\ngpu = 1%\nprogram = firefox\n"
                                 "[workload known]\nprogram = known\n"
                                 "[workload g]\ngpu = 30%\ncgroup = */app.slice/*\n");
    EXPECT_TRUE(m.needs().gpu);
    ProcessInfo p = process("game", {"game"}, "", "/x/app.slice/app-game-1.scope");
    EXPECT_TRUE(m.waits_for_gpu(p));
    EXPECT_EQ(m.match(p), nullptr);
    EXPECT_NE(m.explain(p).rules[2].keys.back().actual.find("not looked at"), std::string::npos);
    for (const GpuUse::State state : {GpuUse::State::NoDevice, GpuUse::State::Hidden,
                                      GpuUse::State::NotTold, GpuUse::State::FirstLook}) {
        p.gpu = {state, 90};
        EXPECT_EQ(m.match(p), nullptr);
    }
    p.gpu = {GpuUse::State::Known, 29};
    EXPECT_EQ(m.match(p), nullptr);
    p.gpu = {GpuUse::State::Known, 31};
    ASSERT_NE(m.match(p), nullptr);
    EXPECT_EQ(m.explain(p).rules[2].keys[1].actual, "31%");
    EXPECT_EQ(m.explain(p).rules[2].keys[1].wanted, std::vector<std::string>{"at least 30%"});
    p.argv = {"firefox"};
    EXPECT_TRUE(m.match(p)->deny);
    EXPECT_FALSE(m.waits_for_gpu(process("known", {"known"}, "", "/x/app.slice/a"))) << "decided";
    EXPECT_FALSE(m.waits_for_gpu(process("game", {"game"}))) << "in no such cgroup";
    const auto nobody = [](const ProcessInfo&) { return false; };
    p.argv = {"game"};
    EXPECT_FALSE(m.waits_for_gpu(p, nobody)) << "it would not be taken, however busy";
    EXPECT_EQ(m.match(p, nobody), nullptr);
    EXPECT_FALSE(shipped().needs().gpu) << "off by default, so that nothing is read";
}

TEST(Matcher, AsksOnlyForWhatItsRulesLookAt) {
    const Needs none = matcher_of("[workload a]\ncomm = x\n").needs();
    EXPECT_FALSE(none.argv || none.exe || none.cgroup || none.uid || none.parent ||
                 none.ancestors || none.steam_appid);
    const Needs some = matcher_of("[workload a]\nexe = /x\nancestor = y\n").needs();
    EXPECT_TRUE(some.exe && some.ancestors);
    EXPECT_FALSE(some.cgroup);
    EXPECT_TRUE(matcher_of("[workload a]\ncgroup = /x/*\n").wants_cgroup("/x/y"));
}
