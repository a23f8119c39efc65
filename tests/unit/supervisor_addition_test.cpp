// SPDX-License-Identifier: GPL-2.0-only
// A rule of one's own in one step, and what explain says: pure parts.
#include "supervisor/config/load.hpp"
#include "supervisor/ctl/addition.hpp"
#include "supervisor/ctl/explain_view.hpp"
#include "supervisor/ctl/process_choice.hpp"
#include "supervisor/ctl/workload_line.hpp"
#include "supervisor/match/matcher.hpp"
#include "supervisor/system/explanation.hpp"
#include "support/proc_fixture.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

ProcessInfo process(const std::vector<std::string>& argv, const std::string& comm,
                    const std::string& exe = "") {
    ProcessInfo p;
    p.key = {Pid{365}, 100};
    p.argv = argv;
    p.comm = comm;
    if (!exe.empty())
        p.exe = exe;
    return p;
}

std::string rule_of(const ProcessInfo& p, AdditionKind kind = AdditionKind::Game) {
    const auto found = recognize(p, kind);
    return found ? rule_text(*found, rule_name_for(*found, kind), kind) : found.error().message();
}

std::string rule_of(const std::string& text, AdditionKind kind = AdditionKind::Game) {
    const auto found = recognize(text, kind);
    return found ? rule_text(*found, rule_name_for(*found, kind), kind) : found.error().message();
}

std::string lines_of(const Matcher& matcher, const ProcessInfo& p, const ExplainView& view,
                     const std::string& member_of = "", const SessionTest& seated = {}) {
    json e = explanation_json(p, matcher.explain(p, seated), {});
    if (!member_of.empty())
        e["member_of"] = member_of;
    std::string all;
    for (const std::string& line : explain_lines(e, view))
        all += line + "\n";
    return all;
}

BuiltConfig layers(const std::vector<std::pair<std::string, std::string>>& files) {
    std::vector<RawFile> raw;
    for (const auto& [name, text] : files)
        raw.push_back(parse_ini(text, name));
    BuiltConfig built =
        build_config(raw, [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& problem : built.problems)
        ADD_FAILURE() << problem.message();
    return built;
}

} // namespace

TEST(Addition, KnowsAProgramByItsName) {
    EXPECT_EQ(rule_of(process({"./doom9", "-w"}, "doom9")), "[workload doom9]\nprogram = doom9\n");
    EXPECT_EQ(rule_of(process({"C:\\g\\My Game.exe"}, "My Game.exe", "/usr/bin/wine64-preloader")),
              "[workload my-game]\nprogram = My Game.exe\n");
    EXPECT_EQ(rule_of(process({"/usr/bin/python3.11", "/g/game.py"}, "game.py")),
              "[workload game.py]\nprogram = game.py\n");
    EXPECT_EQ(rule_of(process({"/g/a,b*c"}, "a,b*c")), "[workload a-b-c]\nprogram = \"a,b[*]c\"\n");
    EXPECT_EQ(rule_of("doom9"), "[workload doom9]\nprogram = doom9\n");
    EXPECT_EQ(rule_of("doom-*"), "[workload doom]\nprogram = doom-*\n");
    EXPECT_EQ(rule_of("/opt/g/Doom"), "[workload doom]\nexe = /opt/g/Doom\n");
    EXPECT_EQ(rule_of("doom9", AdditionKind::Exclusion),
              "[workload not-doom9]\ndeny = yes\nprogram = doom9\n");
}

TEST(Addition, KnowsWhatAnInterpreterRunsByItsFile) {
    EXPECT_EQ(rule_of(process({"java", "-Xmx1G", "-cp", "/a.jar:/b.jar", "-jar", "/g/game.jar"},
                              "java", "/usr/lib/jvm/bin/java")),
              "[workload game.jar]\nprogram = java\ncmdline = *game.jar*\n");
    EXPECT_EQ(rule_of(process({"python3", "-O", "/g/run.py"}, "python3")),
              "[workload run.py]\nprogram = python3\ncmdline = *run.py*\n");
}

TEST(Addition, RefusesWhatWouldTakeTooMuch) {
    EXPECT_THAT(rule_of(process({"-bash"}, "bash")), HasSubstr("bash is a shell, so that a rule "
                                                               "for it would take much"));
    EXPECT_THAT(rule_of(process({"reaper", "SteamLaunch", "AppId=1"}, "reaper")),
                HasSubstr("reaper starts other programs"));
    for (const char* much :
         {"bash", "python3.12", "gnome-shell", "Xorg", "systemd", "java", "/usr/bin/zsh", "*", "?*",
          "~.", "*sh", "b[a]sh", "wine64", "explorer.EXE", "steam"})
        EXPECT_THAT(rule_of(much), HasSubstr("would take much that is no game")) << much;
    EXPECT_THAT(rule_of("*", AdditionKind::Exclusion), HasSubstr("is the name of everything"));
    EXPECT_THAT(rule_of("bash", AdditionKind::Exclusion), HasSubstr("deny = yes"));
}

TEST(Addition, RefusesWhatCheckWouldRefuse) {
    EXPECT_THAT(rule_of("games/doom9"), HasSubstr("holds a slash"));
    EXPECT_THAT(rule_of("~("), HasSubstr("is not a regular expression"));
    EXPECT_THAT(rule_of("$HOME/x"), HasSubstr("variable"));
    EXPECT_THAT(rule_of("a\nb = c"), HasSubstr("cannot be written"));
    EXPECT_THAT(rule_of("a ;b"), HasSubstr("cannot be written"));
    EXPECT_THAT(rule_of(std::string(200, 'x')), HasSubstr("cannot be written"));
    EXPECT_THAT(rule_of(""), HasSubstr("an empty pattern matches nothing"));
    for (const char* bad : {"", "a b", ".a", "../a", "a]", "a/b"})
        EXPECT_FALSE(check_rule_name(bad)) << bad;
    EXPECT_TRUE(check_rule_name("My-game_2.0"));
}

TEST(Addition, EveryNameMakesAFileThatCheckTakesAndThatMatches) {
    for (const char* name : {"doom9", "My Game.exe", "a,b", "star*[x]?", "q\"x", "~tilde", "-dash",
                             "\xc3\xa4\xc3\xb6", "Comma, The Game.exe", "...", "UPPER"}) {
        const ProcessInfo p = process({std::string("/g/") + name}, std::string(name).substr(0, 15));
        const auto found = recognize(p, AdditionKind::Game);
        ASSERT_TRUE(found) << name;
        const std::string rule = rule_name_for(*found, AdditionKind::Game);
        EXPECT_TRUE(check_rule_name(rule)) << rule;
        const BuiltConfig built = layers({{"f", drop_in_text(*found, rule, AdditionKind::Game)}});
        EXPECT_NE(Matcher(built.config.rules).match(p), nullptr) << name;
    }
}

TEST(ProcessChoice, TakesNumbersAndNames) {
    const test::ProcFixture fixture;
    fixture.add({50, 1, "supertuxkart", {"/usr/games/supertuxkart"}, "/", "", 200, 4711});
    fixture.add({51, 1, "supertuxkart", {"/usr/games/supertuxkart"}, "/", "", 100, 4711});
    fixture.add({52, 1, "supertuxkart", {"/usr/games/supertuxkart"}, "/", "", 1, 7});
    fixture.add({53, 1, "a-very-long-nam", {"/g/a-very-long-name"}, "/", "", 5, 4711});
    fixture.add({54, 1, "main", {"Z:\\g\\Game.exe"}, "/", "", 5, 4711});
    const ProcReader proc(fixture.proc());
    EXPECT_THAT(processes_called(proc, "supertuxkart", 4711),
                ElementsAre(Pid{51}, Pid{50}, Pid{52}));
    EXPECT_THAT(processes_called(proc, "a-very-long-name", 4711), ElementsAre(Pid{53}));
    EXPECT_THAT(processes_called(proc, "game.EXE", 4711), ElementsAre(Pid{54}));
    EXPECT_THAT(processes_called(proc, "a-very-long-nam-and-more", 4711), ElementsAre(Pid{53}))
        << "the kernel's name may be cut";
    EXPECT_EQ(choose_process(proc, "53", 4711)->pid, Pid{53});
    EXPECT_THAT(choose_process(proc, "doom9", 4711).error().message(),
                HasSubstr("no process is called doom9 (start it, or give its number"));
    EXPECT_FALSE(process_number("0ad"));
    EXPECT_EQ(process_number("010"), Pid{10});
}

TEST(ExplainView, SaysTheAnswerFirstThenTheRuleThatDecided) {
    const BuiltConfig built =
        layers({{"/etc/r.conf", "[workload native]\nsession = any\nprogram = stk, 0ad, xonotic, "
                                "doom, quake, openttd\n[workload wine]\nprogram = *.exe\n"
                                "[workload late]\nprogram = ope*\n"}});
    const Matcher matcher(built.config.rules);
    const ProcessInfo p = process({"/g/openttd"}, "openttd");
    EXPECT_EQ(lines_of(matcher, p, {"/etc/r.conf.d"}, "native"),
              "openttd (process 365) counts as a game, by the rule native\n"
              "  its command: /g/openttd\n"
              "  native matches\n"
              "    + program: is openttd; wanted openttd, stk, 0ad and 3 more (/etc/r.conf:3)\n"
              "  1 other rule would match, too, and comes later\n"
              "  1 other rule does not match (--all shows them)\n");
    const std::string all = lines_of(matcher, p, {"/etc/r.conf.d", true, true}, "native");
    EXPECT_THAT(all, HasSubstr("wanted stk, 0ad, xonotic, doom, quake, openttd"));
    EXPECT_THAT(all, HasSubstr("wine does not match"));
    EXPECT_THAT(lines_of(matcher, process({"/g/x"}, "x"), {"/etc/r.conf.d"}),
                HasSubstr("x (process 365) is no game: no rule matches\n"));
}

TEST(ExplainView, EachKeyIsShownWithTheFileItIsFrom) {
    const BuiltConfig built =
        layers({{"/etc/d/10-a.conf", "[workload my-game]\nprogram = doom9\n"},
                {"/etc/d/20-b.conf", "[workload my-game]\nprogram = doom8\nenabled = no\n"}});
    EXPECT_EQ(lines_of(Matcher(built.config.rules), process({"/g/doom9"}, "doom9"), {"/etc/d"}),
              "doom9 (process 365) is no game: no rule matches\n"
              "  its command: /g/doom9\n"
              "  my-game is disabled (/etc/d/20-b.conf:3)\n"
              "    - program: is doom9; wanted doom8 (/etc/d/20-b.conf:2)\n");
}

TEST(ExplainView, APackagedRuleThatOnesOwnFileReplacedIsShown) {
    const BuiltConfig built =
        layers({{"/etc/r.conf", "[workload native]\nprogram = stk, 0ad\n[workload x]\ncomm = x\n"},
                {"/etc/d/mine.conf", "[workload native]\nprogram = doom9\n"}});
    const std::string all =
        lines_of(Matcher(built.config.rules), process({"/g/stk"}, "stk"), {"/etc/d"});
    EXPECT_THAT(all, HasSubstr("    - program: is stk; wanted doom9 (/etc/d/mine.conf:2)\n"
                               "  1 other rule does not match (--all shows them)\n"));
}

TEST(ExplainView, AUserWhoDoesNotSitAtTheMachineIsTheReason) {
    const BuiltConfig built = layers({{"/etc/r.conf", "[workload native]\nprogram = stk\n"}});
    const Matcher matcher(built.config.rules);
    const ProcessInfo p = process({"/g/stk"}, "stk");
    const auto nobody = [](const ProcessInfo&) { return false; };
    const std::string all = lines_of(matcher, p, {"/etc/d"}, "", nobody);
    EXPECT_THAT(all, HasSubstr("stk (process 365) is no game: the rule native is for users who "
                               "sit at the machine\n"));
    EXPECT_THAT(all, HasSubstr("- session: its user does not sit at the machine; wanted active"));
    EXPECT_FALSE(is_unclaimed(explanation_json(p, matcher.explain(p, nobody), {})));
}

TEST(ExplainView, TextFromOthersCannotDriveTheTerminal) {
    const BuiltConfig built = layers({{"f", "[workload a]\ncmdline = *x*\n"}});
    const std::string all = lines_of(Matcher(built.config.rules),
                                     process({"/g/y\x1b[31m", std::string(300, 'z')}, "y\x1b"), {});
    EXPECT_THAT(all, Not(HasSubstr("\x1b")));
    EXPECT_THAT(all, HasSubstr("…"));
}

TEST(WorkloadLine, NamesTheGame) {
    EXPECT_EQ(workload_line({{"rule", "native"},
                             {"processes", 1},
                             {"class", "foreground"},
                             {"name", "supertuxkart"},
                             {"pid", 365}}),
              "game:       supertuxkart (process 365, rule native)");
    EXPECT_EQ(workload_line({{"rule", "cc"},
                             {"processes", 3},
                             {"class", "background"},
                             {"name", "cc1plus"},
                             {"pid", 7}}),
              "workload:   cc1plus (process 7, rule cc, 3 processes), background");
    EXPECT_EQ(workload_line({{"rule", "native"}, {"processes", 2}}),
              "game:       one of the rule native, 2 processes")
        << "another user's, or of a daemon that was not restarted yet";
    EXPECT_THAT(lines_of_others({{"workloads",
                                  {{{"rule", "native"}, {"processes", 1}, {"name", nullptr}},
                                   {{"rule", "wine"}, {"processes", 1}, {"name", "a.exe"}},
                                   {{"rule", "of an older daemon"}, {"processes", 1}}}}}),
                ElementsAre("game:       one of the rule native"));
    EXPECT_THAT(lines_of_others(json::object()), testing::IsEmpty());
}
