// SPDX-License-Identifier: GPL-2.0-only
// What a configuration may look like and can never match or mean.
#include "supervisor/config/load.hpp"
#include "supervisor/config/shapes.hpp"
#include "support/bad_files.hpp"

using namespace rustland::supervisor;
using rustland::test::build;
using rustland::test::fake_user;
using rustland::test::messages;
using testing::ElementsAre;
using testing::IsEmpty;

namespace rustland::test {

INSTANTIATE_TEST_SUITE_P(
    Shapes, BadFiles,
    testing::Values(
        BadFile{
            "[workload a]\ncomm = *sixteen-bytes-[x]?\n",
            "f:2: [workload a] comm: \"*sixteen-bytes-[x]?\" is longer than the 15 bytes that a "
            "comm has; use program for full names"},
        BadFile{"[workload a]\nprogram = /usr/bin/game\n",
                "f:2: [workload a] program: \"/usr/bin/game\" holds a slash, which no file name "
                "does; write exe = /usr/bin/game"},
        BadFile{"[workload a]\nprogram = */game\n",
                "f:2: [workload a] program: \"*/game\" holds a slash, which no file name does; "
                "write exe = */game"},
        BadFile{"[workload a]\nprogram = games/doom9\n",
                "f:2: [workload a] program: \"games/doom9\" holds a slash, which no file name "
                "does; write exe = */games/doom9"},
        BadFile{"[workload a]\nprogram = ./doom9\n",
                "f:2: [workload a] program: \"./doom9\" holds a slash, which no file name does; "
                "write exe = */doom9"},
        BadFile{"[workload a]\nprogram = games/\n",
                "f:2: [workload a] program: \"games/\" holds a slash, which no file name does; "
                "write exe = */games/*"},
        BadFile{"[workload a]\nexe = games/\n",
                "f:2: [workload a] exe: \"games/\" does not begin with a slash, as every path "
                "does; write */games/*"},
        BadFile{"[workload a]\nparent = /usr/bin/heroic/\n",
                "f:2: [workload a] parent: \"/usr/bin/heroic/\" is a path, and names are compared "
                "here; write heroic"},
        BadFile{"[workload a]\nprogram = C:\\g\\Game.exe\n",
                "f:2: [workload a] program: \"C:\\g\\Game.exe\" is a path; write the file name "
                "alone, Game.exe"},
        BadFile{"[workload a]\nprogram = Game.exe;Other.exe\n",
                "f:2: [workload a] program: \"Game.exe;Other.exe\" is one item, because commas "
                "separate items; write Game.exe, Other.exe, or put it into double quotes"},
        BadFile{"[workload a]\ncomm = ok, a;b\n",
                "f:2: [workload a] comm: \"a;b\" is one item, because commas separate items; write "
                "a, b, or put it into double quotes"},
        BadFile{"[workload a]\nancestor = /usr/bin/heroic\n",
                "f:2: [workload a] ancestor: \"/usr/bin/heroic\" is a path, and names are compared "
                "here; write heroic"},
        BadFile{"[workload a]\nexe = $HOME/Games/foo/game\n",
                "f:2: [workload a] exe: \"$HOME/Games/foo/game\" holds a variable, and nothing is "
                "expanded; write the path, such as /home/*/Games/foo/game"},
        BadFile{"[workload a]\nexe = /opt/${GAME}/x\n",
                "f:2: [workload a] exe: \"/opt/${GAME}/x\" holds a variable, and nothing is "
                "expanded; write the path, such as /home/*/game"},
        BadFile{"[workload a]\nexe = game\n",
                "f:2: [workload a] exe: \"game\" does not begin with a slash, as every path does; "
                "write */game, or program = game"},
        BadFile{"[workload a]\nexe = /opt/game/\n",
                "f:2: [workload a] exe: \"/opt/game/\" ends with a slash, as no file does; write "
                "/opt/game/*"},
        BadFile{"[workload a]\nexe = C:\\g\\Game.exe\n",
                "f:2: [workload a] exe: \"C:\\g\\Game.exe\" is a path of Windows, and the "
                "executable is Wine's; write program = Game.exe"},
        BadFile{"[workload a]\ncgroup = app-flatpak-org.x.X-*.scope\n",
                "f:2: [workload a] cgroup: \"app-flatpak-org.x.X-*.scope\" does not begin with a "
                "slash, as every cgroup does; write */app-flatpak-org.x.X-*.scope"},
        BadFile{"[workload a]\ngpu = yes\n",
                "f:1: [workload a] gpu: is no evidence by itself; give at least one of comm, "
                "program, exe, cmdline, cgroup, steam_appid, parent, ancestor, user"},
        BadFile{"[workload a]\ncomm = a\ngpu = 0%\n",
                "f:3: [workload a] gpu: \"0%\" is neither yes nor no nor a share from 1% to 100%"},
        BadFile{"[supervisor]\nscheduler = /usr/bin/scx_x --autopilot\n",
                "f:2: [supervisor] scheduler: \"/usr/bin/scx_x --autopilot\" is more than a path; "
                "write the rest as scheduler_args = --autopilot"},
        BadFile{"[supervisor]\nscheduler_args = \"--slice-us 5000\"\n",
                "f:2: [supervisor] scheduler_args: \"--slice-us 5000\" is one argument, because it "
                "is quoted as a whole; leave the quotes out"},
        BadFile{"[supervisor]\nscheduler_args = --slice-us=5000,--lease-ms=10\n",
                "f:2: [supervisor] scheduler_args: \"--slice-us=5000,--lease-ms=10\" is one "
                "argument, because spaces separate arguments, not commas"}),
    [](const auto& tested) { return std::to_string(tested.index); });

} // namespace rustland::test

TEST(Shape, TakesPatternsThatLookOddAndCanMatch) {
    const BuiltConfig built = build("[workload a]\n"
                                    "program = \"a;b.exe\", ~^/x;y, Ca$h.exe\n"
                                    "comm = *long-but-fine, kworker/0:1, []]abc\n"
                                    "exe = /opt/*, */game, ?x, [/]y, ~game$, /opt/a;b\\c\n"
                                    "cgroup = /, */app-*.scope\n"
                                    "ancestor = kworker/*, bash\n"
                                    "cmdline = $HOME;x, relative/path\n"
                                    "gpu = 35%\nfollow_focus = yes\npower_profile = custom\n"
                                    "scheduler_args = --title=\"a b\" 'two words' --list=1,2\n");
    // A ";" is a separator to most who write it, unless it is quoted.
    ASSERT_EQ(built.problems.size(), 1U);
    EXPECT_EQ(built.problems[0].key, "exe");
    EXPECT_EQ(built.config.rules[0].keys.gpu_percent, 35);
    EXPECT_TRUE(built.config.rules[0].follow_focus);
    EXPECT_EQ(built.config.rules[0].keys.program.size(), 3U);
}

TEST(Shape, CheckTakesWhatItProposes) {
    for (const char* text : {"games/doom9", "./doom9", "../g/doom9", "games/", "./games/",
                             "/opt/g/", "*/game", "/usr/bin/game"}) {
        const std::string why = why_never(Shape::Program, {text, false}).value_or("");
        const std::size_t at = why.find("write exe = ");
        ASSERT_NE(at, std::string::npos) << text << ": " << why;
        const std::string proposed = why.substr(at + 12);
        EXPECT_EQ(why_never(Shape::Executable, {proposed, false}), std::nullopt) << proposed;
    }
}

TEST(Shape, CheckMissesAProgramThatIsNotThereAndTheDaemonDoesNot) {
    const auto none = [](const std::string&) { return system_program("/opt/none"); };
    const std::string text = "[supervisor]\nscheduler = /opt/none\n[workload a]\ncomm = a\n"
                             "scheduler = /opt/none\n";
    EXPECT_THAT(
        messages(build_config({parse_ini(text, "f")}, fake_user, none).problems),
        ElementsAre("f:2: [supervisor] scheduler: there is no program /opt/none; install it "
                    "or correct the path",
                    "f:5: [workload a] scheduler: there is no program /opt/none; install it "
                    "or correct the path"));
    EXPECT_THAT(messages(build(text).problems), IsEmpty());
    EXPECT_TRUE(system_program("/bin/sh"));
    EXPECT_EQ(system_program("/etc/passwd").error().message(),
              "/etc/passwd is not executable; chmod +x it");
    EXPECT_EQ(system_program("/usr").error().message(), "/usr is not a program; correct the path");
}
