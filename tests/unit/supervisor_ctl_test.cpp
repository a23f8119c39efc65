// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor/config/config.hpp"
#include "supervisor/ctl/doctor.hpp"
#include "supervisor/ctl/import_ananicy.hpp"
#include "supervisor/ctl/print.hpp"
#include "supervisor/match/matcher.hpp"
#include "support/proc_fixture.hpp"

#include <gtest/gtest.h>

using namespace rustland;
using namespace rustland::supervisor;

TEST(ImportAnanicy, TakesGamesAndLeavesTheRest) {
    EXPECT_EQ(*ananicy_game(R"({"name": "a.exe", "type": "Game"})"), "a.exe");
    EXPECT_EQ(*ananicy_game(R"({"name": "a", "type": "Game"} # why)"), "a");
    EXPECT_EQ(*ananicy_game(R"({"name": "cc1", "type": "BG_CPUIO"})"), "");
    EXPECT_EQ(*ananicy_game("# comment"), "");
    EXPECT_EQ(*ananicy_game(""), "");
    EXPECT_FALSE(ananicy_game("rubbish"));
    EXPECT_FALSE(ananicy_game(R"({"type": "Game"})"));
}

TEST(ImportAnanicy, WritesAConfigurationThatMatchesEveryName) {
    test::TempDir dir;
    const std::vector<std::string> names{
        "plain",
        "A Game With Spaces.exe",
        "Comma, The Game.exe",
        "star*[x]?.exe",
        "Quote\"d.exe",
        "~tilde.exe",
        "A Very Long Name That No comm Could Hold-Win64-Shipping.exe"};
    std::string rules;
    for (const std::string& name : names)
        rules += nlohmann::json{{"name", name}, {"type", "Game"}}.dump() + "\n";
    for (int i = 0; i < 1200; ++i)
        rules += "{\"name\": \"game" + std::to_string(i) + ".exe\", \"type\": \"Game\"}\n";
    dir.write("00/games.rules", rules);
    dir.write("00/more.rules", "broken\n");
    const auto imported = import_ananicy(dir.root());
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->names, 1207);
    ASSERT_EQ(imported->problems.size(), 1U);
    EXPECT_TRUE(imported->problems[0].ends_with("more.rules:1: not a JSON object"));
    const BuiltConfig built =
        build_config({parse_ini(imported->text, "f")},
                     [](const std::string&) { return std::optional<uid_t>(); });
    for (const Problem& p : built.problems)
        ADD_FAILURE() << p.message();
    const Matcher matcher(built.config.rules);
    ProcessInfo process;
    for (const std::string& name : names) {
        process.argv = {"Z:\\g\\" + name};
        EXPECT_NE(matcher.match(process), nullptr) << name;
    }
    process.argv = {"Z:\\g\\starX[x]Y.exe"};
    EXPECT_EQ(matcher.match(process), nullptr) << "its stars are not wildcards";
    process.argv = {"Z:\\g\\game1199.exe"};
    EXPECT_NE(matcher.match(process), nullptr);
}

TEST(ImportAnanicy, ADirectoryWithoutRulesIsAnError) {
    test::TempDir dir;
    EXPECT_FALSE(import_ananicy(dir.root()));
    EXPECT_FALSE(import_ananicy("/nonexistent"));
}

TEST(Doctor, SaysWhatIsMissingAndWhatToDo) {
    test::ProcFixture fixture;
    fixture.add({70, 1, "scx_loader", {"scx_loader"}, "/", "", 100, 0});
    fixture.kernel("enabled", "scx_other", 1);
    DoctorOptions options;
    options.root = fixture.dir().root();
    options.socket = fixture.dir().path("none.sock");
    options.scheduler = "/nonexistent/rustland";
    std::map<std::string, Finding> by_subject;
    for (const Finding& f : examine(options))
        by_subject[f.subject] = f;
    EXPECT_EQ(by_subject["kernel"].verdict, Finding::Verdict::Good);
    EXPECT_EQ(by_subject["BTF"].verdict, Finding::Verdict::Bad);
    EXPECT_EQ(by_subject["scheduler"].verdict, Finding::Verdict::Bad);
    EXPECT_EQ(by_subject["other scheduler"].verdict, Finding::Verdict::Note);
    EXPECT_EQ(by_subject["other services"].text, "scx_loader (70)");
    EXPECT_EQ(by_subject["rustlandd"].verdict, Finding::Verdict::Bad);
    for (const auto& [subject, finding] : by_subject)
        EXPECT_EQ(finding.verdict == Finding::Verdict::Good, finding.advice.empty()) << subject;
    std::filesystem::remove_all(fixture.sched_ext());
    EXPECT_EQ(examine(options)[0].verdict, Finding::Verdict::Bad);
}

TEST(Doctor, KnowsWhatAContainerWithholdsAndWhatTheAdministratorEnabled) {
    const test::TempDir dir;
    DoctorOptions options;
    options.root = dir.root();
    options.socket = dir.path("none.sock");
    const auto finding = [&](const std::string& subject) {
        for (const Finding& f : examine(options))
            if (f.subject == subject)
                return f;
        return Finding{};
    };
    EXPECT_EQ(finding("capabilities").text, "cannot be seen");
    dir.write("proc/self/status", "Name:\tx\nCapBnd:\t000001ffffffffff\n");
    EXPECT_EQ(finding("capabilities").verdict, Finding::Verdict::Good);
    dir.write("proc/self/status", "Name:\tx\nCapBnd:\t00000000a80425fb\n");
    EXPECT_EQ(finding("capabilities").text,
              "even root cannot have CAP_NET_ADMIN, CAP_IPC_LOCK, CAP_SYS_PTRACE, CAP_SYS_NICE, "
              "CAP_PERFMON, CAP_BPF");
    EXPECT_EQ(finding("rustland.service").verdict, Finding::Verdict::Good);
    dir.write("etc/systemd/system/multi-user.target.wants/rustland.service", "");
    EXPECT_EQ(finding("rustland.service").verdict, Finding::Verdict::Note);
}

TEST(Print, ControlCharactersDoNotReachTheTerminal) {
    EXPECT_EQ(safe("a\x1b[31mb\n"), "a?[31mb?");
    EXPECT_EQ(uptime(59'000), "59s");
    EXPECT_EQ(uptime(3'661'000), "1h 1min");
}

TEST(Doctor, NamesWhatTheKernelWasBootedWithThatKeepsASchedulerOut) {
    const test::TempDir dir;
    DoctorOptions options;
    options.root = dir.root();
    options.socket = dir.path("none.sock");
    const auto subjects = [&] {
        std::set<std::string> all;
        for (const Finding& f : examine(options))
            if (f.verdict == Finding::Verdict::Bad && f.advice.find("boot") != std::string::npos)
                all.insert(f.subject);
        return all;
    };
    EXPECT_EQ(subjects(), (std::set<std::string>{"kernel", "BTF"})) << "an empty machine";
    dir.write("proc/cmdline", "quiet isolcpus=2,3\n");
    dir.write("sys/kernel/realtime", "1\n");
    dir.write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
    EXPECT_EQ(subjects(), (std::set<std::string>{"kernel", "BTF", "isolated CPUs",
                                                 "real-time kernel", "lockdown"}));
}
