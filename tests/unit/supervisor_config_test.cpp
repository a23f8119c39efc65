// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/trust.hpp"

#include "rustland/common/file.hpp"
#include "support/bad_files.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

using namespace rustland;
using namespace rustland::supervisor;
using test::build;
using test::fake_user;
using test::messages;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Values, DurationsAreStrict) {
    EXPECT_EQ(*parse_duration("500ms"), millis(500));
    EXPECT_EQ(*parse_duration("1.5s"), millis(1500));
    EXPECT_EQ(*parse_duration("1h 30min"), seconds(5400));
    EXPECT_EQ(*parse_duration("0"), Nanos{});
    for (const char* bad : {"", "5", "12abc", "-1s", "1..5s", "s", "1s x", "5 ", "1e9s", "nan s",
                            "999999999h", ".5s", "5.s"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
    for (const Nanos d : {Nanos{}, millis(1), seconds(90), seconds(3600), micros(7)})
        EXPECT_EQ(*parse_duration(format_duration(d)), d) << format_duration(d);
}

TEST(Values, SizesAreStrict) {
    EXPECT_EQ(*parse_size("4096"), 4096U);
    EXPECT_EQ(*parse_size("4MiB"), 4U << 20U);
    EXPECT_EQ(*parse_size("64k"), 65536U);
    for (const char* bad :
         {"", "4X", "-1", "1.5M", "99999999999999999999", "18446744073709551615G"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Values, BooleansNumbersAndRatesAreStrict) {
    EXPECT_TRUE(*parse_bool("yes"));
    EXPECT_FALSE(*parse_bool("off"));
    for (const char* bad : {"", "Yes!", "2", "y", "TRUE"})
        EXPECT_FALSE(parse_bool(bad)) << bad;
    EXPECT_EQ(*parse_rate("6/1min"), (Rate{6, seconds(60)}));
    for (const char* bad : {"6", "/1s", "0/1s", "6/0", "6/1", "a/1s"})
        EXPECT_FALSE(parse_rate(bad)) << bad;
    EXPECT_FALSE(parse_integer("12abc", 0, 100));
    EXPECT_FALSE(parse_integer("99999999999999999999", 0, 100));
    EXPECT_FALSE(parse_number("1e999", 0, 1));
}

TEST(Values, ListsKeepQuotedCommasAndBackslashes) {
    EXPECT_THAT(*parse_list("a, b c ,d"), ElementsAre("a", "b c", "d"));
    EXPECT_THAT(*parse_list(R"("~x{1,2}\.y", "say \"hi\"")"),
                ElementsAre(R"(~x{1,2}\.y)", "say \"hi\""));
    EXPECT_THAT(*parse_list("a,"), ElementsAre("a"));
    for (const char* bad : {"a,,b", ",a", "\"open", "\"a\" b"})
        EXPECT_FALSE(parse_list(bad)) << bad;
}

TEST(Values, ArgumentsSplitAsInAShell) {
    EXPECT_THAT(*split_arguments(R"(--a 'b c' "d \" e" f\ g '')"),
                ElementsAre("--a", "b c", "d \" e", "f g", ""));
    EXPECT_FALSE(split_arguments("'open"));
    EXPECT_FALSE(split_arguments("end\\"));
    const std::vector<std::string> words{"--a", "b c", "", "q\"\\x", "$x;y"};
    EXPECT_EQ(*split_arguments(join_arguments(words)), words);
}

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

TEST(Load, ReadsTheLayersInOrder) {
    test::TempDir dir;
    dir.write("vendor/10-a.conf", "[supervisor]\nlinger = 1s\nmin_dwell = 1s\n");
    dir.write("vendor/ignored.txt", "rubbish");
    dir.write("etc/rustland.conf", "[supervisor]\nlinger = 2s\n");
    dir.write("etc/rustland.conf.d/20-b.conf", "[supervisor]\nlinger = 4s\n");
    dir.write("etc/rustland.conf.d/10-a.conf", "[supervisor]\nlinger = 3s\n");
    const auto files = find_config_files(
        {dir.path("vendor"), dir.path("etc/rustland.conf"), dir.path("etc/rustland.conf.d")});
    EXPECT_EQ(files.size(), 4U);
    const BuiltConfig built = load_config(files, fake_user);
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_EQ(built.config.settings.linger, seconds(4));
    EXPECT_EQ(built.config.settings.min_dwell, seconds(1));
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

TEST(Load, RefusesWhatOthersCanWrite) {
    test::TempDir dir;
    const std::string file = dir.write("a.conf", "[supervisor]\n");
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems),
                ElementsAre(file + ": can be written by others; chmod go-w it"));
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems), IsEmpty());
    ASSERT_EQ(::chmod(dir.root().c_str(), 0777), 0);
    EXPECT_THAT(messages(load_config({file}, fake_user).problems),
                ElementsAre(file + ": its directory " + dir.root() +
                            " can be written by others; chmod go-w and chown root it"));
}

TEST(Load, RefusesWhatIsNoFile) {
    test::TempDir dir;
    const std::string fifo = dir.path("fifo.conf");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(messages(load_config({fifo}, fake_user).problems),
                ElementsAre(fifo + ": is not a regular file"));
    EXPECT_THAT(messages(load_config({"/nonexistent.conf"}, fake_user).problems),
                ElementsAre("/nonexistent.conf: cannot be read: No such file or directory"));
}

TEST(DefaultConfig, IsValidAndMentionsEverySupervisorKeyWithItsDefault) {
    const auto text = read_file(RUSTLAND_SOURCE_DIR "/supervisor/rustland.conf");
    ASSERT_TRUE(text);
    const BuiltConfig built = build(*text);
    EXPECT_THAT(messages(built.problems), IsEmpty());
    EXPECT_GT(built.config.rules.size(), 10U);
    // The commented settings, made active, must be valid and change nothing.
    std::string active = "[supervisor]\n";
    std::set<std::string> mentioned;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t sign = line.find(" =");
        if (!line.starts_with('#') || line.starts_with("# ") || sign == std::string::npos)
            continue;
        mentioned.insert(line.substr(1, sign - 1));
        active += line.substr(1) + "\n";
    }
    const BuiltConfig defaults = build(active);
    EXPECT_THAT(messages(defaults.problems), IsEmpty());
    const Settings a = defaults.config.settings;
    const Settings b;
    EXPECT_EQ(a.scheduler, b.scheduler);
    EXPECT_EQ(std::tie(a.linger, a.min_dwell, a.switch_limit, a.restart_initial, a.restart_factor,
                       a.restart_max, a.restart_jitter, a.healthy_time, a.crash_limit),
              std::tie(b.linger, b.min_dwell, b.switch_limit, b.restart_initial, b.restart_factor,
                       b.restart_max, b.restart_jitter, b.healthy_time, b.crash_limit));
    EXPECT_EQ(std::tie(a.scan_interval, a.start_timeout, a.stop_timeout, a.event_buffer,
                       a.log_level, a.runner, a.sleep_action, a.default_action),
              std::tie(b.scan_interval, b.start_timeout, b.stop_timeout, b.event_buffer,
                       b.log_level, b.runner, b.sleep_action, b.default_action));
    const auto keys = supervisor_keys();
    EXPECT_EQ(mentioned, std::set<std::string>(keys.begin(), keys.end()));
}

// The program that root runs, and every step of the way to it.
TEST(Trust, AFileIsAsGoodAsTheFoldersAndLinksThatLeadToIt) {
    const test::TempDir dir;
    const std::string program = dir.path("a/b/program");
    dir.write("a/b/program", "");
    const auto said = [&](const std::string& path) {
        const Status status = check_trusted(path);
        return status ? std::string("trusted") : status.error().message();
    };
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    EXPECT_EQ(said(program), "trusted");
    ASSERT_EQ(::chmod(program.c_str(), 0775), 0);
    EXPECT_EQ(said(program), "can be written by others; chmod go-w it");
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    // Not the last folder alone.
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 0777), 0);
    EXPECT_THAT(said(program),
                testing::HasSubstr("its directory " + dir.path("a") + " can be written"));
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 01777), 0);
    EXPECT_EQ(said(program), "trusted") << "where nobody can replace what is not his";
    ASSERT_EQ(::chmod(dir.path("a").c_str(), 0755), 0);
    // A link leads through a folder of others.
    std::filesystem::create_directory(dir.path("open"));
    ASSERT_EQ(::chmod(dir.path("open").c_str(), 0777), 0);
    std::filesystem::create_symlink("../a/b/program", dir.path("open/link"));
    std::filesystem::create_symlink(dir.path("open/link"), dir.path("a/link"));
    EXPECT_THAT(said(dir.path("a/link")), testing::HasSubstr("open can be written by others"));
    ASSERT_EQ(::chmod(dir.path("open").c_str(), 0755), 0);
    EXPECT_EQ(said(dir.path("a/link")), "trusted");
    std::filesystem::create_symlink("round", dir.path("round"));
    EXPECT_THAT(said(dir.path("round")), testing::HasSubstr("Too many levels"));
    EXPECT_THAT(said(dir.path("nowhere")), testing::HasSubstr("No such file"));
    if (::geteuid() == 0) {
        ASSERT_EQ(::lchown(dir.path("open/link").c_str(), 1000, 1000), 0);
        EXPECT_THAT(said(dir.path("a/link")), testing::HasSubstr("belongs to uid 1000"));
        ASSERT_EQ(::chown(dir.path("a/b").c_str(), 1000, 1000), 0);
        EXPECT_THAT(said(program), testing::HasSubstr("a/b can be written by others"));
    }
}
