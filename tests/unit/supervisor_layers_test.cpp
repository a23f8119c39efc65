// SPDX-License-Identifier: GPL-2.0-only
// Files of the configuration over each other: what holds, where it is from, and what is told of it.
#include "supervisor/config/wide_rules.hpp"
#include "support/bad_files.hpp"

#include <fmt/format.h>
#include <string_view>

using namespace rustland;
using namespace rustland::supervisor;
using test::build;
using test::fake_user;
using test::messages;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

BuiltConfig layers(const std::vector<std::string>& texts) {
    std::vector<RawFile> files;
    for (const std::string& text : texts)
        files.push_back(parse_ini(text, std::to_string(files.size() + 1)));
    return build_config(files, fake_user);
}

std::vector<std::string> programs(const Rule& rule) {
    std::vector<std::string> out;
    for (const Pattern& p : rule.keys.program)
        out.push_back(p.text());
    return out;
}

} // namespace

TEST(Layers, PlusEqualsAddsToAList) {
    const BuiltConfig built = layers({"[workload native]\nprogram = stk, 0ad,\n  xonotic\n",
                                      "[workload native]\nprogram += doom9\nprogram+=doom8\n"});
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_THAT(messages(built.notes), IsEmpty());
    EXPECT_THAT(programs(built.config.rules[0]),
                ElementsAre("stk", "0ad", "xonotic", "doom9", "doom8"));
    EXPECT_THAT(built.config.rules[0].origins.at("program"),
                ElementsAre(Place{"1", 2}, Place{"2", 2}, Place{"2", 3}));
}

TEST(Layers, PlusEqualsAfterAReplacementAddsToThat) {
    const BuiltConfig built = layers({"[workload a]\nprogram = x, y\n[supervisor]\n"
                                      "scheduler_args = --slice-us 500\n",
                                      "[workload a]\nprogram =\nprogram += z\n[supervisor]\n"
                                      "scheduler_args += --verbose\n"});
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_THAT(programs(built.config.rules[0]), ElementsAre("z"));
    EXPECT_THAT(built.config.settings.scheduler.args,
                ElementsAre("--slice-us", "500", "--verbose"));
}

TEST(Layers, CheckNotesAListThatReplacesOneOfAnotherFile) {
    const BuiltConfig built = layers({"[workload native]\nprogram = stk, 0ad\ncomm = x\n",
                                      "[workload native]\nprogram = doom9\ncomm = y\n"});
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_THAT(messages(built.notes),
                ElementsAre("2:2: [workload native] program: replaces the 2 items of 1:2; to add "
                            "to them, write program +="));
    EXPECT_THAT(
        messages(layers({"[workload a]\nprogram = x, y\ncomm = z\n", "[workload a]\nprogram =\n"})
                     .notes),
        IsEmpty())
        << "who takes a list back wants that";
}

TEST(Layers, EachKeyKnowsTheFileItIsFrom) {
    const BuiltConfig built = layers({"[workload my-game]\nprogram = doom9\n",
                                      "[workload my-game]\nprogram = doom8\nenabled = no\n"});
    const Rule& rule = built.config.rules[0];
    EXPECT_EQ(rule.file, "1");
    EXPECT_THAT(rule.origins.at("program"), ElementsAre(Place{"2", 2}));
    EXPECT_THAT(rule.origins.at("enabled"), ElementsAre(Place{"2", 3}));
}

TEST(Layers, CheckNotesWhatIsSwitchedOffAndNotThere) {
    EXPECT_THAT(messages(build("[workload lutris]\ncomm = x\n[workload lutriss]\nenabled = no\n"
                               "[workload other]\nenabled = no\n")
                             .notes),
                ElementsAre("f:4: [workload lutriss] enabled: switches nothing off, because no "
                            "file has a rule of this name; is lutris meant?",
                            "f:6: [workload other] enabled: switches nothing off, because no file "
                            "has a rule of this name"));
}

TEST(Layers, CheckNotesAHomeFolderThatIsARegularExpression) {
    EXPECT_THAT(messages(build("[workload a]\nexe = ~/games/doom9\n").notes),
                ElementsAre("f:2: [workload a] exe: \"~/games/doom9\" is a regular expression, as "
                            "all that begins with ~; for a home folder, write "
                            "/home/*/games/doom9"));
}

TEST(Layers, CheckNotesACommentBehindAValue) {
    EXPECT_THAT(messages(build("[workload a]\nprogram = doom9 # mine\n").notes),
                ElementsAre("f:2: [workload a] program: \"# mine\" belongs to the value; a comment "
                            "stands on a line of its own (quotes, where it is meant)"));
    EXPECT_THAT(messages(build("[workload a]\nprogram = \"doom # 9\", c#\n").notes), IsEmpty());
}

TEST(Layers, CheckNotesARuleThatTakesEveryProgram) {
    const char* const rest = "takes every program of a user (bash, firefox and gnome-shell among "
                             "them), so that the scheduler is always on and nothing comes before "
                             "others; name the games";
    for (const char* key :
         {"program = *", "comm = *", "exe = /usr/*", "cmdline = *", "cgroup = /user.slice/*",
          "ancestor = systemd", "program = ~.", "user = 1000"}) {
        const std::string name(key, std::string_view(key).find(' '));
        EXPECT_THAT(messages(build(fmt::format("[workload a]\n{}\n", key)).notes),
                    ElementsAre(fmt::format("f:2: [workload a] {}: {}", name, rest)))
            << key;
    }
    EXPECT_THAT(messages(build("[workload a]\nprogram = *\nuser = 1000\n").notes),
                ElementsAre(std::string("f:1: [workload a] ") + rest))
        << "none of the two alone";
    EXPECT_THAT(messages(build("[workload a]\ndeny = yes\nprogram = *\n").notes),
                ElementsAre("f:3: [workload a] program: takes every program of a user (bash, "
                            "firefox and gnome-shell among them), so that nothing counts as a "
                            "game; name what is to be kept out"));
    EXPECT_THAT(messages(build("[workload a]\nclass = background\nprogram = *\n").notes),
                ElementsAre("f:3: [workload a] program: takes every program of a user (bash, "
                            "firefox and gnome-shell among them); name the programs"));
    EXPECT_THAT(messages(build("[companion a]\nprogram = *\n").notes),
                ElementsAre("f:2: [companion a] program: takes every program of a user (bash, "
                            "firefox and gnome-shell among them); name the programs"));
    for (const char* narrow :
         {"program = *\nexe = /home/*", "program = *\ngpu = yes", "program = *\nenabled = no",
          "program = b*", "program = *.exe", "cgroup = */app.slice/*", "user = 1000\nprogram = d*"})
        EXPECT_THAT(messages(build(fmt::format("[workload a]\n{}\n", narrow)).notes), IsEmpty())
            << narrow;
}

TEST(Layers, ItIsKnownWhereNothingCanCountAsAGame) {
    EXPECT_TRUE(nothing_counts(build("").config));
    EXPECT_TRUE(nothing_counts(build("[workload a]\nprogram = a\nenabled = no\n[workload b]\n"
                                     "program = b\ndeny = yes\n")
                                   .config));
    EXPECT_FALSE(nothing_counts(build("[workload a]\nprogram = a\n").config));
    EXPECT_FALSE(nothing_counts(build("[supervisor]\ndefault_action = start\n").config))
        << "who wants it always on needs none";
}

TEST(Layers, MistakesAreInTheOrderOfTheLines) {
    const BuiltConfig built = layers({"[supervisor]\nmin_dwell = x\nlinger = y\nzzz = 1\n"
                                      "[workload b]\nuser = bob\ncomm = \"x\n",
                                      "[workload a]\nprogram = /x\n[supervisor]\nrunner = z\n"});
    std::vector<std::string> places;
    for (const Problem& p : built.problems)
        places.push_back(Place{p.file, p.line}.text());
    EXPECT_THAT(places, ElementsAre("1:2", "1:3", "1:4", "1:6", "1:7", "2:2", "2:4"));
}

TEST(Layers, NoMistakeFollowsFromAnother) {
    const auto lines = [](const std::string& text) {
        std::vector<int> out;
        for (const Problem& p : build(text).problems)
            out.push_back(p.line);
        return out;
    };
    EXPECT_THAT(lines("[workload a]\nprogram doom9\n"), ElementsAre(2));
    EXPECT_THAT(lines("[workload a]\ncomm = x\n[workload b\ncomm = y\n"), ElementsAre(3));
    EXPECT_THAT(lines("[workload a]\ncomm = x ; no\n    y\n"), ElementsAre(2));
    EXPECT_THAT(lines("[workload a]\ncomm = x\n[workload a]\ncomm = y\n"), ElementsAre(3));
    EXPECT_THAT(lines("[companion a]\nprogram doom9\n"), ElementsAre(2));
    EXPECT_THAT(lines("[supervisor]\nrestart_max = x\nrestart_initial = 5min\n"), ElementsAre(2));
}

TEST(Layers, CommentsBehindValuesAreNamed) {
    EXPECT_THAT(messages(build("[supervisor]\nlinger = 30s # half a minute\n").problems),
                ElementsAre(testing::EndsWith("; a comment stands on a line of its own")));
}

namespace rustland::test {

INSTANTIATE_TEST_SUITE_P(
    Layers, BadFiles,
    testing::Values(
        BadFile{"[workload]\nprogram = x\n",
                "f:1: [workload] a name is missing; write [workload NAME]"},
        BadFile{"[supervisor]\nlinger += 5s\n", "f:2: [supervisor] linger: holds one value, to "
                                                "which nothing can be added; write linger ="},
        BadFile{"[workload a]\ncomm = x\nprogram +=\n",
                "f:3: [workload a] program: adds nothing; write what is to be added after +="},
        BadFile{"[workload a]\ncomm += x\ncomm = y\n",
                "f:3: [workload a] comm: was already given in line 2"},
        BadFile{"[workload a]\ncomm = x\ncomm += /y\\\ncomm += \"\n",
                "f:4: [workload a] comm: the quote in \" is not closed"},
        BadFile{"[workload a]\n+= x\n", "f:2: [workload a] write KEY = VALUE"},
        BadFile{"[supervisor]\nrestart_max = 1s\nrestart_initial = 5min\n",
                "f:2: [supervisor] restart_max: is shorter than restart_initial"}),
    [](const auto& tested) { return std::to_string(tested.index); });

} // namespace rustland::test
