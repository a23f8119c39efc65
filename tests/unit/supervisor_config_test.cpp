// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"

#include "support/bad_files.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::build;
using test::fake_user;
using test::messages;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Config, ReadsAWholeFile) {
    const BuiltConfig built = build(R"(
[supervisor]
scheduler = /opt/sched
scheduler_args = --slice-max 10ms
linger = 3s
[workload one]
comm = game, other
user = alice, 7
linger = 0
priority = 5
[workload two]
exe = /games/*,
    /more/*
scheduler = /usr/sbin/rustland
class = background
on_battery = no
)");
    EXPECT_THAT(messages(built.problems), IsEmpty());
    const Config& config = built.config;
    EXPECT_EQ(config.settings.linger, seconds(3));
    ASSERT_EQ(config.rules.size(), 2U);
    EXPECT_EQ(config.rules[0].keys.comm.size(), 2U);
    EXPECT_EQ(config.rules[0].keys.user[0].uid, 1000U);
    EXPECT_EQ(config.rules[0].keys.user[1].uid, 7U);
    EXPECT_EQ(config.rules[0].linger, Nanos{});
    EXPECT_EQ(config.rules[1].keys.exe.size(), 2U);
    EXPECT_EQ(config.spec_for(config.rules[0]).command(), "/opt/sched --slice-max 10ms");
    EXPECT_EQ(config.spec_for(config.rules[1]).command(), "/usr/sbin/rustland");
}

namespace rustland::test {

INSTANTIATE_TEST_SUITE_P(
    Table, BadFiles,
    testing::Values(
        BadFile{"[supervisr]\n", "f:1: [supervisr] unknown section; there are [supervisor], "
                                 "[workload NAME] and [companion NAME]"},
        BadFile{"[workload]\n", "f:1: [workload] a name is missing; write [workload NAME]"},
        BadFile{"[supervisor]\nlingre = 5s\n",
                "f:2: [supervisor] lingre: unknown key; is linger meant?"},
        BadFile{"[supervisor]\nfoo = 5s\n", "f:2: [supervisor] foo: unknown key"},
        BadFile{"[supervisor]\nscheduler_arg = x\n",
                "f:2: [supervisor] scheduler_arg: unknown key; is scheduler_args meant?"},
        BadFile{"[companion]\n", "f:1: [companion] a name is missing; write [companion NAME]"},
        BadFile{"[companion x]\n",
                "f:1: [companion x] has nothing to match by; give at least one of comm, program, "
                "exe, cmdline, cgroup, steam_appid, parent, ancestor, user"},
        BadFile{"[companion none]\ncomm = x\n", "f:1: [companion none] \"none\" is no name"},
        BadFile{"[companion x]\ncomm = x\nclass = normal\n",
                "f:3: [companion x] class: unknown key"},
        BadFile{"[companion x]\ncomm = x\ngpu = yes\n", "f:3: [companion x] gpu: unknown key"},
        BadFile{
            "[companion x]\nprogram = /usr/bin/x\n",
            "f:2: [companion x] program: \"/usr/bin/x\" holds a slash, which no file name does; "
            "write exe = /usr/bin/x"},
        BadFile{"[workload w]\ncomm = w\ncompanions = x\n",
                "f:3: [workload w] companions: there is no section [companion x]"},
        BadFile{"[supervisor]\ncompanions = x\n",
                "f:2: [supervisor] companions: there is no section [companion x]"},
        BadFile{"[workload w]\ncomm = w\ncompanions = none, x\n[companion x]\ncomm = x\n",
                "f:3: [workload w] companions: \"none\" stands alone"},
        BadFile{"[workload w]\ncomm = w\ncompanions = x\nclass = normal\n[companion x]\ncomm = x\n",
                "f:3: [workload w] companions: are those of a workload in the foreground; leave "
                "class out, or these"},
        BadFile{"[workload w]\ncomm = w\ncompanions = x\ndeny = yes\n[companion x]\ncomm = x\n",
                "f:3: [workload w] companions: has no meaning in a rule with deny = yes"},
        BadFile{
            "[workload w]\ncomm = w\ncompanions = x\nscheduler = /o/s\n[companion x]\ncomm = x\n",
            "f:3: [workload w] companions: /o/s has no control socket to be told the class of a "
            "workload; only rustland has"},
        BadFile{"[supervisor]\nlinger = 5\n",
                "f:2: [supervisor] linger: \"5\" is not a duration; write a number with a unit "
                "(ms, s, min, h), such as 500ms or 2min"},
        BadFile{"[supervisor]\nlinger = 5s\nlinger = 6s\n",
                "f:3: [supervisor] linger: was already given in line 2"},
        BadFile{"[supervisor]\n[supervisor]\n",
                "f:2: [supervisor] the section was already begun in line 1"},
        BadFile{"linger = 5s\n",
                "f:1: linger: stands before the first section; begin with [supervisor]"},
        BadFile{"[supervisor]\nlinger 5s\n", "f:2: [supervisor] write KEY = VALUE"},
        BadFile{"[supervisor]\nlinger: 5s\n", "f:2: [supervisor] write KEY = VALUE"},
        BadFile{"[supervisor\n", "f:1: a section is written [NAME], alone on its line"},
        BadFile{"[supervisor] x\n", "f:1: a section is written [NAME], alone on its line"},
        BadFile{"[supervisor]\nlinger = 5s ; note\n",
                "f:2: [supervisor] a comment must stand on a line of its own (\" ;\" would cut the "
                "value off)"},
        BadFile{"[supervisor]\nlinger = 5s\n  6s\n",
                "f:2: [supervisor] linger: line 3 is indented and would continue this value, which "
                "takes one line"},
        BadFile{"[supervisor]\n  linger = 5s\n",
                "f:2: [supervisor] an indented line continues the value above it, and there is "
                "none"},
        BadFile{"[supervisor]\nlinger = 5s\x01\n",
                "f:2: [supervisor] the line holds a control character; this is not a text file"},
        BadFile{"[supervisor]\nscheduler = rustland\n",
                "f:2: [supervisor] scheduler: \"rustland\" is not an absolute path"},
        BadFile{"[supervisor]\nscheduler_args = 'x\n",
                "f:2: [supervisor] scheduler_args: the quote ' is not closed"},
        BadFile{"[supervisor]\nlog_level = loud\n",
                "f:2: [supervisor] log_level: \"loud\" is not one of error, warning, info, debug"},
        BadFile{"[supervisor]\nrestart_jitter = 2\n",
                "f:2: [supervisor] restart_jitter: \"2\" is not a number from 0 to 0.9"},
        BadFile{"[supervisor]\nscan_interval = 10ms\n",
                "f:2: [supervisor] scan_interval: \"10ms\" is too short; at least 1s"},
        BadFile{"[supervisor]\nrestart_initial = 5min\n",
                "f:2: [supervisor] restart_initial: is longer than restart_max, 1min"},
        BadFile{"[supervisor]\ncrash_limit = many\n",
                "f:2: [supervisor] crash_limit: \"many\" is not a rate; write COUNT/DURATION, such "
                "as 6/1min"},
        BadFile{"[workload a]\ncomm = sixteen-bytes-xx\n",
                "f:2: [workload a] comm: \"sixteen-bytes-xx\" is longer than the 15 bytes that a "
                "comm has; use program for full names"},
        BadFile{"[workload a]\npriority = 1\n",
                "f:1: [workload a] has nothing to match by; give at least one of comm, program, "
                "exe, cmdline, cgroup, steam_appid, parent, ancestor, user"},
        BadFile{"[workload a]\ncmdline = ~(\n",
                "f:2: [workload a] cmdline: \"(\" is not a regular expression: missing "
                "closing parenthesis (at its byte 1)"},
        BadFile{"[workload a]\ncmdline = ~((a{1000}){1000}){1000}\n",
                "f:2: [workload a] cmdline: \"((a{1000}){1000}){1000}\" is not a regular "
                "expression: regular expression is too large"},
        BadFile{"[workload a]\nuser = bob\n", "f:2: [workload a] user: there is no user \"bob\""},
        BadFile{"[workload a]\nsteam_appid = 12a\n",
                "f:2: [workload a] steam_appid: \"12a\" is neither a Steam AppID nor *"},
        BadFile{"[workload a]\ncomm = a,,b\n",
                "f:2: [workload a] comm: an empty item between commas"},
        BadFile{"[workload a]\ncomm = a\ndeny = maybe\n",
                "f:3: [workload a] deny: \"maybe\" is neither yes nor no"},
        BadFile{"[workload a]\ncomm = a\ndeny = yes\nlinger = 1s\n",
                "f:4: [workload a] linger: has no meaning in a rule with deny = yes"},
        BadFile{"[workload a]\ncomm = a\npriority = 1000000\n",
                "f:3: [workload a] priority: \"1000000\" is not a whole number from -10000 to "
                "10000"},
        BadFile{"[workload a]\ncomm = a\nscheduler = /usr/bin/scx_x\nclass = foreground\n",
                "f:4: [workload a] class: /usr/bin/scx_x has no control socket to be told the "
                "class of a workload; only rustland has"},
        BadFile{"[workload a]\ncomm = a\npower_profile = turbo\n",
                "f:3: [workload a] power_profile: \"turbo\" is not one of performance, balanced, "
                "power-saver, custom"}),
    [](const auto& tested) { return std::to_string(tested.index); });

} // namespace rustland::test

const std::string kLong(250, 'x');
const std::string kLongFile = "[supervisor]\nscheduler = /" + kLong + "\n";

TEST(Config, RefusesOverlongLinesAndNulBytes) {
    EXPECT_THAT(messages(build(kLongFile).problems),
                ElementsAre("f:2: [supervisor] the line is longer than 198 bytes; continue a list "
                            "on indented lines, or make a second section"));
    EXPECT_EQ(build(std::string("[supervisor]\nlinger = 5s\0x\n", 27)).problems.size(), 1U);
    EXPECT_EQ(build("[" + std::string(60, 'w') + "]\n").problems.size(), 1U);
}

TEST(Config, ALineOfTheGreatestLengthIsReadWhole) {
    const std::string path = "/" + std::string(kLongestLine - 13, 'y');
    const BuiltConfig built = build("[supervisor]\nscheduler = " + path + "\nlinger = 1s\n");
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_EQ(built.config.settings.scheduler.path, path);
    EXPECT_EQ(built.config.settings.linger, seconds(1));
}

TEST(Config, ALaterFileWinsKeyByKey) {
    const BuiltConfig built =
        build_config({parse_ini("[workload a]\ncomm = x\nexe = /a\npriority = 3\n", "1"),
                      parse_ini("[workload a]\ncomm = y\nexe =\n[supervisor]\nlinger = 1s\n", "2"),
                      parse_ini("[supervisor]\nmin_dwell = 2s\n", "3")},
                     fake_user);
    EXPECT_THAT(messages(built.problems), IsEmpty());
    ASSERT_EQ(built.config.rules.size(), 1U);
    EXPECT_EQ(built.config.rules[0].keys.comm[0].text(), "y");
    EXPECT_TRUE(built.config.rules[0].keys.exe.empty());
    EXPECT_EQ(built.config.rules[0].priority, 3);
    EXPECT_EQ(built.config.settings.linger, seconds(1));
    EXPECT_EQ(built.config.settings.min_dwell, seconds(2));
}

TEST(Config, AnErrorInAReplacedValueIsStillAnError) {
    const BuiltConfig built = build_config({parse_ini("[supervisor]\nlinger = soon\n", "1"),
                                            parse_ini("[supervisor]\nlinger = 1s\n", "2")},
                                           fake_user);
    ASSERT_EQ(built.problems.size(), 1U);
    EXPECT_TRUE(built.problems[0].message().starts_with("1:2: [supervisor] linger: "));
}

TEST(Config, ARuleCanBeSwitchedOffByALaterFile) {
    const BuiltConfig built = build("[workload a]\nenabled = no\n");
    EXPECT_THAT(messages(built.problems), IsEmpty());
}

TEST(Config, DenyRulesComeFirstWhateverTheOrderOfTheirKeys) {
    const BuiltConfig built = build("[workload a]\ncomm = x\ndeny = yes\n"
                                    "[workload b]\npriority = 7\ndeny = yes\ncomm = x\n");
    EXPECT_EQ(built.config.rules[0].priority, 1000);
    EXPECT_EQ(built.config.rules[1].priority, 7);
}

TEST(Companions, AreThoseOfTheSupervisorUnlessAWorkloadSaysOtherwise) {
    const BuiltConfig built = build("[supervisor]\ncompanions = screen\nsession = any\n"
                                    "[companion screen]\nprogram = kwin_wayland\n"
                                    "[companion sound]\ncomm = pipewire\nsession = active\n"
                                    "[companion spare]\ncomm = spare\n"
                                    "[workload all]\ncomm = a\n"
                                    "[workload own]\ncomm = o\ncompanions = sound, screen\n"
                                    "[workload no]\ncomm = n\ncompanions = none\n"
                                    "[workload calm]\ncomm = c\nclass = background\n"
                                    "[workload off]\nenabled = no\ncompanions = spare\n");
    ASSERT_THAT(messages(built.problems), IsEmpty());
    const auto of = [&](const char* name) {
        return built.config.find_rule(name)->companions.value_or(std::vector<std::string>{});
    };
    EXPECT_THAT(of("all"), ElementsAre("screen"));
    EXPECT_THAT(of("own"), ElementsAre("sound", "screen"));
    EXPECT_THAT(of("no"), IsEmpty());
    EXPECT_THAT(of("calm"), IsEmpty());
    std::vector<std::string> used;
    for (const Rule& companion : built.config.used_companions())
        used.push_back(companion.name);
    EXPECT_THAT(used, ElementsAre("screen", "sound"));
    EXPECT_EQ(built.config.companions[0].session, SessionCondition::Any) << "as [supervisor] says";
    EXPECT_EQ(built.config.companions[1].session, SessionCondition::Active);
}
